import { afterEach, expect, it, vi } from "vitest";

import type { Want } from "./frames";
import { type FromHub, Hub, type ToHub } from "./hub";

afterEach(() => vi.unstubAllGlobals());

/** Addresses that are asked at the moment; nothing answers. */
function openStreams(): Set<string> {
  const open = new Set<string>();
  vi.stubGlobal("fetch", (url: string, { signal }: { signal: AbortSignal }) => {
    open.add(url);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        open.delete(url);
        reject(new DOMException("", "AbortError"));
      }),
    );
  });
  return open;
}

function tab(hub: Hub) {
  const heard: FromHub[] = [];
  const port = { postMessage: (message: FromHub) => void heard.push(message), onmessage: null as ((event: MessageEvent<ToHub>) => void) | null };
  hub.attach(port);
  return { heard, wants: (...wants: Want[]) => port.onmessage?.({ data: { wants, ticket: 1 } } as MessageEvent<ToHub>), leaves: () => port.onmessage?.({ data: { bye: true } } as MessageEvent<ToHub>) };
}

it("tabs share one stream, which carries what any of them wants", async () => {
  const open = openStreams();
  const hub = new Hub("");
  const [one, other] = [tab(hub), tab(hub)];
  one.wants("topics=runs", "run=a");
  other.wants("topics=runs", "run=b", "logs=b");
  await vi.waitFor(() => expect([...open]).toEqual(["/live?logs=b&run=a&run=b&topics=runs"]));
  one.leaves();
  await vi.waitFor(() => expect([...open]).toEqual(["/live?logs=b&run=b&topics=runs"]));
  other.leaves();
  await vi.waitFor(() => expect([...open]).toEqual([]));
});
