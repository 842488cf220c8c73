/** A server-sent event; `event` is `message` when the server named none. */
export interface ServerEvent {
  id: string | null;
  event: string;
  data: string;
}

/**
 * Cuts a stream of text into server-sent events (WHATWG HTML, 9.2.6). Unlike the browser's `EventSource` it is told
 * of every byte, so that silence can be told from a proxy that keeps the stream to itself.
 */
export class EventCutter {
  #rest = "";
  #id: string | null = null;
  #event = "";
  #data: string[] = [];

  push(text: string): ServerEvent[] {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    const found: ServerEvent[] = [];
    for (const line of lines) {
      if (line === "") {
        const event = this.#dispatch();
        if (event) found.push(event);
      } else {
        this.#field(line);
      }
    }
    return found;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "id") this.#id = value;
    else if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
  }

  #dispatch(): ServerEvent | null {
    const event = this.#data.length === 0 ? null : { id: this.#id, event: this.#event || "message", data: this.#data.join("\n") };
    // An id without data still moves the position.
    const moved = event === null && this.#id !== null ? { id: this.#id, event: "", data: "" } : event;
    this.#event = "";
    this.#data = [];
    this.#id = null;
    return moved;
  }
}
