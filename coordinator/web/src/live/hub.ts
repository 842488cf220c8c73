import { type Connection, type Frame, type Want, answers } from "./frames";
import { LiveStream } from "./stream";

export type ToHub = { wants: Want[]; ticket: number } | { bye: true } | { retry: true };
export type FromHub = { frames: Frame[] } | { connection: Connection } | { settled: number };

interface Port {
  postMessage(message: FromHub): void;
  onmessage: ((event: MessageEvent<ToHub>) => void) | null;
}

/** Shares one stream between the tabs of a browser: each says what it wants, and hears no more than that. */
export class Hub {
  #ports = new Map<Port, Want[]>();
  #connection: Connection = "connecting";
  #stream: LiveStream;

  constructor(base: string) {
    this.#stream = new LiveStream(base, {
      frames: (frames) => this.#tell(frames),
      connection: (connection) => this.#say(connection),
    });
  }

  attach(port: Port): void {
    this.#ports.set(port, []);
    port.postMessage({ connection: this.#connection });
    port.onmessage = ({ data }) => {
      if ("bye" in data) this.#ports.delete(port);
      else if ("retry" in data) this.#stream.retry();
      else this.#ports.set(port, data.wants);
      this.#stream.want([...this.#ports.values()].flat());
      if ("ticket" in data) port.postMessage({ settled: data.ticket });
    };
  }

  #tell(frames: Frame[]): void {
    for (const [port, wants] of this.#ports) {
      const heard = frames.filter((frame) => wants.some((want) => answers(frame, want)));
      if (heard.length > 0) port.postMessage({ frames: heard });
    }
  }

  #say(connection: Connection): void {
    if (connection === this.#connection) return;
    this.#connection = connection;
    for (const port of this.#ports.keys()) port.postMessage({ connection });
  }
}
