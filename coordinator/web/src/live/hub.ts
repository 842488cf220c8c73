import { type Connection, type Frame, type Want, answers } from "./frames";
import { LiveStream } from "./stream";

export type ToHub = { wants: Want[]; ticket: number } | { bye: true } | { retry: true };
export type FromHub = { frames: Frame[] } | { connection: Connection } | { settled: number };

interface Port {
  postMessage(message: FromHub): void;
  onmessage: ((event: MessageEvent<ToHub>) => void) | null;
}

/** A stream, and the one run and the one log it carries besides topics: the API takes one of each. */
interface Lane {
  stream: LiveStream;
  single: Map<"run" | "logs", Want>;
}

/** How long a page waits at most for the place where the stream begins. */
const SETTLE_MS = 1000;

/**
 * Shares one stream between the tabs of a browser: each says what it wants, and hears no more than that. Only tabs that
 * look at different runs at the same time need a lane more; what is in a lane stays there, so that nothing is missed.
 */
export class Hub {
  #base: string;
  #ports = new Map<Port, Want[]>();
  #connection: Connection = "connecting";
  #lanes: Lane[] = [];
  #unsettled: (() => void)[] = [];

  constructor(base: string) {
    this.#base = base;
    this.#lane();
  }

  attach(port: Port): void {
    this.#ports.set(port, []);
    port.postMessage({ connection: this.#connection });
    port.onmessage = ({ data }) => {
      if ("bye" in data) this.#ports.delete(port);
      else if ("retry" in data) for (const { stream } of this.#lanes) stream.retry();
      else this.#ports.set(port, data.wants);
      this.#share();
      if ("ticket" in data) this.#settle(() => port.postMessage({ settled: data.ticket }));
    };
  }

  /** A place of the stream has to be known before a page reads: what comes between would be missed otherwise. */
  #settle(tell: () => void): void {
    if (this.#lanes[0]?.stream.place != null || this.#connection === "stale") {
      tell();
      return;
    }
    this.#unsettled.push(tell);
    setTimeout(() => this.#settled(), SETTLE_MS);
  }

  #settled(): void {
    for (const tell of this.#unsettled.splice(0)) tell();
  }

  #lane(): Lane {
    const main = this.#lanes.length === 0;
    const heard = {
      frames: (frames: Frame[]) => this.#tell(frames),
      connection: (connection: Connection) => main && this.#say(connection),
    };
    const lane = { stream: new LiveStream(this.#base, heard, undefined, this.#lanes[0]?.stream.place ?? null), single: new Map() };
    this.#lanes.push(lane);
    return lane;
  }

  #share(): void {
    const all = new Set([...this.#ports.values()].flat());
    for (const kind of ["run", "logs"] as const) {
      const wanted = [...all].filter((want) => want.startsWith(`${kind}=`));
      for (const { single } of this.#lanes) if (!all.has(single.get(kind) ?? "run=")) single.delete(kind);
      const carried = new Set(this.#lanes.map(({ single }) => single.get(kind)));
      for (const want of wanted) {
        if (!carried.has(want)) (this.#lanes.find(({ single }) => !single.has(kind)) ?? this.#lane()).single.set(kind, want);
      }
    }
    const topics = [...all].filter((want) => want.startsWith("topics="));
    for (const [index, { stream, single }] of this.#lanes.entries()) {
      if (index > 0 && single.size === 0) stream.close();
      else stream.want([...(index === 0 ? topics : []), ...single.values()]);
    }
    this.#lanes = this.#lanes.filter(({ single }, index) => index === 0 || single.size > 0);
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
