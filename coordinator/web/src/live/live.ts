import { useEffect } from "react";
import { create } from "zustand";

import { learnClock, nowUs } from "~/time/now";

import type { Connection, Frame, FrameData, FrameName, Want } from "./frames";
import { type FromHub, Hub, type ToHub } from "./hub";

/** This tab's end of the live data. Frames are handed out once per animation frame, all of them together. */

interface Status {
  connection: Connection;
  sinceUs: number;
}

export const useConnection = create<Status>(() => ({ connection: "connecting", sinceUs: nowUs() }));

type Handler<Name extends FrameName> = (data: FrameData[Name][]) => void;

const wanted = new Map<Want, number>();
const handlers = new Map<FrameName, Set<(data: unknown[]) => void>>();
let port: MessagePort | null = null;
let waiting: Frame[] = [];
let scheduled = false;
let ticket = 0;
let settledTicket = 0;
let onSettled: (() => void)[] = [];

export function startLive(): void {
  if (typeof SharedWorker === "function") {
    const worker = new SharedWorker(new URL("hub.worker.ts", import.meta.url), { type: "module", name: "headrace.live" });
    // Its code did not come.
    worker.addEventListener("error", () => listen(ownHub()));
    listen(worker.port);
  } else {
    listen(ownHub());
  }
  window.addEventListener("pagehide", () => send({ bye: true }));
  window.addEventListener("pageshow", (event) => event.persisted && say());
  window.addEventListener("online", () => send({ retry: true }));
}

export function retryLive(): void {
  send({ retry: true });
}

/** Resolves when the hub has heard all that is wanted: what is read from here on has no gap to the stream. */
export async function settled(): Promise<void> {
  if (port === null || settledTicket >= ticket) return;
  await new Promise<void>((resolve) => onSettled.push(resolve));
}

/** Wants something while the component is shown. */
export function useLive(want: Want | null): void {
  useEffect(() => (want === null ? undefined : subscribe(want)), [want]);
}

export function subscribe(want: Want): () => void {
  wanted.set(want, (wanted.get(want) ?? 0) + 1);
  if (wanted.get(want) === 1) say();
  return () => {
    const left = (wanted.get(want) ?? 1) - 1;
    if (left > 0) {
      wanted.set(want, left);
      return;
    }
    wanted.delete(want);
    say();
  };
}

/** Hears the frames of a name; several of one animation frame come in one call, oldest first. */
export function onFrames<Name extends FrameName>(name: Name, handler: Handler<Name>): () => void {
  const all = handlers.get(name) ?? new Set();
  handlers.set(name, all);
  const heard = handler as (data: unknown[]) => void;
  all.add(heard);
  return () => all.delete(heard);
}

function listen(to: MessagePort): void {
  port = to;
  port.addEventListener("message", ({ data }: MessageEvent<FromHub>) => hear(data));
  port.start();
  say();
}

/** A stream for this tab alone. */
function ownHub(): MessagePort {
  const channel = new MessageChannel();
  new Hub("/api/v1").attach(channel.port1);
  return channel.port2;
}

function say(): void {
  ticket += 1;
  send({ wants: [...wanted.keys()], ticket });
}

function send(message: ToHub): void {
  port?.postMessage(message);
}

function hear(message: FromHub): void {
  if ("connection" in message) {
    useConnection.setState({ connection: message.connection, sinceUs: nowUs() });
  } else if ("settled" in message) {
    settledTicket = message.settled;
    const ready = onSettled;
    if (settledTicket >= ticket) {
      onSettled = [];
      for (const resolve of ready) resolve();
    }
  } else {
    waiting.push(...message.frames);
    if (scheduled) return;
    scheduled = true;
    // A hidden tab has no animation frames; its data must not pile up.
    if (document.hidden) setTimeout(flush, 250);
    else requestAnimationFrame(flush);
  }
}

function flush(): void {
  scheduled = false;
  const byName = Map.groupBy(waiting, (frame) => frame.event);
  waiting = [];
  for (const frame of [...(byName.get("hello") ?? []), ...(byName.get("beat") ?? [])]) {
    if ("now_us" in frame.data) learnClock(frame.data.now_us);
  }
  for (const [name, frames] of byName) {
    for (const handler of handlers.get(name) ?? []) handler(frames.map((frame) => frame.data));
  }
}
