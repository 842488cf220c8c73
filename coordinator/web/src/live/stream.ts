import type { Connection, Frame, Want } from "./frames";
import { EventCutter } from "./sse";

export interface StreamTimes {
  /** A server that is there answers within this; a proxy that keeps the stream to itself does not. */
  firstByteMs: number;
  /** The server says something every 15 s; this much silence is a broken connection. */
  silenceMs: number;
  pollMs: number;
  /** How long a poll may take. */
  answerMs: number;
  /** While polling, how long until the stream is tried again. */
  retryStreamMs: number;
  backoffMs: (failures: number) => number;
}

export const TIMES: StreamTimes = {
  firstByteMs: 4_000,
  silenceMs: 35_000,
  pollMs: 2_000,
  answerMs: 10_000,
  retryStreamMs: 60_000,
  backoffMs: (failures) => Math.min(8_000, 300 * 2 ** failures) * (0.5 + Math.random() / 2),
};

interface Heard {
  frames: (frames: Frame[]) => void;
  connection: (connection: Connection) => void;
}

class Muted extends Error {}

/**
 * The one stream of a browser. It holds a position and never forgets it: whatever breaks, whichever wants are added,
 * streaming or polling, the next question begins exactly behind what was heard.
 *
 *     stream ──no byte in time, twice──▶ poll ──a minute──▶ stream
 *        └──broken──▶ wait a little ──▶ stream
 */
export class LiveStream {
  #wants: Want[] = [];
  #after: string | null = null;
  #current: AbortController | null = null;
  #wake: (() => void) | null = null;
  #closed = false;
  #mutes = 0;
  #failures = 0;
  #base: string;
  #heard: Heard;
  #times: StreamTimes;

  constructor(base: string, heard: Heard, times: StreamTimes = TIMES) {
    this.#base = base;
    this.#heard = heard;
    this.#times = times;
    void this.#loop();
  }

  /** Behind what it has heard; null before it has heard anything. */
  get place(): string | null {
    return this.#after;
  }

  /** Asks for something else from here on, without a gap. */
  want(wants: Want[]): void {
    const next = [...new Set(wants)].sort();
    if (next.join() === this.#wants.join()) return;
    this.#wants = next;
    this.#restart();
  }

  /** Tries again at once, such as when the network is back. */
  retry(): void {
    this.#mutes = 0;
    this.#failures = 0;
    this.#restart();
  }

  close(): void {
    this.#closed = true;
    this.#restart();
  }

  #restart(): void {
    this.#current?.abort();
    this.#wake?.();
  }

  async #loop(): Promise<void> {
    while (!this.#closed) {
      this.#current = new AbortController();
      const { signal } = this.#current;
      try {
        if (this.#wants.length === 0) await this.#pause(2 ** 30);
        else if (this.#mutes >= 2) await this.#poll(signal);
        else await this.#stream(signal);
      } catch {
        const muted = signal.reason instanceof Muted;
        if (signal.aborted && !muted) continue;
        if (muted) this.#mutes += 1;
        if (muted && this.#mutes >= 2) continue;
        this.#failures += 1;
        this.#heard.connection(this.#failures > 1 ? "stale" : "connecting");
        await this.#pause(this.#times.backoffMs(this.#failures));
      }
    }
  }

  async #stream(signal: AbortSignal): Promise<void> {
    const abort = () => this.#current?.abort(new Muted());
    let guard = setTimeout(abort, this.#times.firstByteMs);
    try {
      const response = await fetch(this.#url("/live"), { signal, cache: "no-store", headers: { accept: "text/event-stream" } });
      if (!response.ok || response.body === null) throw new Error(`the stream answered ${response.status}`);
      const cutter = new EventCutter();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let first = true;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Error("the stream ended");
        clearTimeout(guard);
        guard = setTimeout(abort, this.#times.silenceMs);
        if (first) {
          first = false;
          this.#mutes = 0;
          this.#failures = 0;
          this.#heard.connection("live");
        }
        this.#take(cutter.push(value));
      }
    } finally {
      clearTimeout(guard);
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const until = Date.now() + this.#times.retryStreamMs;
    while (Date.now() < until) {
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(this.#times.answerMs)]);
      const response = await fetch(this.#url("/live/poll"), { signal: inTime, cache: "no-store" });
      if (!response.ok) throw new Error(`polling answered ${response.status}`);
      const answer = (await response.json()) as { id: string; more: boolean; frames: Frame[] };
      this.#after = answer.id;
      this.#heard.connection("polling");
      this.#heard.frames(answer.frames);
      this.#failures = 0;
      if (!answer.more) await this.#pause(this.#times.pollMs);
      if (signal.aborted) return;
    }
    this.#mutes = 1; // one more silence, and it is polling again
  }

  #take(events: ReturnType<EventCutter["push"]>): void {
    const frames: Frame[] = [];
    for (const { id, event, data } of events) {
      if (id) this.#after = id;
      if (event && event !== "message") frames.push({ event, data: JSON.parse(data) } as Frame);
    }
    if (frames.length > 0) this.#heard.frames(frames);
  }

  #url(path: string): string {
    const query = this.#wants.map((want) => {
      const at = want.indexOf("=");
      return `${want.slice(0, at)}=${encodeURIComponent(want.slice(at + 1))}`;
    });
    if (this.#after !== null) query.push(`after=${encodeURIComponent(this.#after)}`);
    return `${this.#base}${path}?${query.join("&")}`;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
