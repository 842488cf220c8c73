import { useSyncExternalStore } from "react";

/** The coordinator's clock less this browser's: what is shown as running must not be off by a wrong clock here. */
let skewUs = 0;
let shownUs = Date.now() * 1000;
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

export function nowUs(): number {
  return Date.now() * 1000 + skewUs;
}

/** Told by the live stream. Small differences are the network's. */
export function learnClock(serverNowUs: number): void {
  const found = serverNowUs - Date.now() * 1000;
  if (Math.abs(found - skewUs) > 500_000) skewUs = found;
}

function tick(): void {
  shownUs = nowUs();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The time, once a second; one timer serves every component. A component that is not `live` is left alone. */
export function useNowUs(live = true): number {
  const quiet = () => () => undefined;
  return useSyncExternalStore(live ? subscribe : quiet, () => (listeners.size > 0 ? shownUs : Math.floor(nowUs() / 1e6) * 1e6));
}
