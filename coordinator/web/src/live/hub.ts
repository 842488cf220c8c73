import { type Connection, type Frame, type Want, answers } from "./frames";
import { LiveStream } from "./stream";

export type ToHub = { wants: Want[]; ticket: number } | { bye: true } | { retry: true };
export type FromHub = { frames: Frame[] } | { connection: Connection } | { settled: number };

interface Port {
  postMessage(message: FromHub): void;
  onmessage: ((event: MessageEvent<ToHub>) => void) | null;
}

/** How long a page waits at most for the place where the stream begins. */
const SETTLE_MS = 1000;

/** Shares one stream between the tabs of a browser: it carries what any of them wants, and each hears what it wants. */
export class Hub {
  #ports = new Map<Port, Want[]>();
  #connection: Connection = "connecting";
  #stream: LiveStream;
  #unsettled: (() => void)[] = [];

  constructor(base: string) {
    this.#stream = new LiveStream(base, { frames: (frames) => this.#tell(frames), connection: (connection) => this.#say(connection) });
  }

  attach(port: Port): void {
    this.#ports.set(port, []);
    port.postMessage({ connection: this.#connection });
    port.onmessage = ({ data }) => {
      if ("bye" in data) this.#ports.delete(port);
      else if ("retry" in data) this.#stream.retry();
      else this.#ports.set(port, data.wants);
      this.#stream.want([...this.#ports.values()].flat());
      if ("ticket" in data) this.#settle(() => port.postMessage({ settled: data.ticket }));
    };
  }

  /** A place of the stream has to be known before a page reads: what comes between would be missed otherwise. */
  #settle(tell: () => void): void {
    if (this.#stream.place !== null || this.#connection === "stale") {
      tell();
      return;
    }
    this.#unsettled.push(tell);
    setTimeout(() => this.#settled(), SETTLE_MS);
  }

  #settled(): void {
    for (const tell of this.#unsettled.splice(0)) tell();
  }

  #tell(frames: Frame[]): void {
    for (const [port, wants] of this.#ports) {
      const heard = frames.filter((frame) => wants.some((want) => answers(frame, want)));
      if (heard.length > 0) port.postMessage({ frames: heard });
    }
    this.#settled();
  }

  #say(connection: Connection): void {
    if (connection === this.#connection) return;
    this.#connection = connection;
    for (const port of this.#ports.keys()) port.postMessage({ connection });
    if (connection === "stale") this.#settled();
  }
}
