import type { ReactNode } from "react";

import type { Hue } from "~/design/states";
import { Mark } from "~/ui/Mark";

interface Look {
  label: string;
  hue: Hue;
  shape: ReactNode;
  means: string;
}

/** What the coordinator knows of a worker; each has a shape of its own, as the states of runs have. */
const LOOKS: Record<string, Look> = {
  live: { label: "Live", hue: "succeeded", shape: <><circle cx="7" cy="7" r="5.500" /><circle cx="7" cy="7" r="2.500" fill="currentColor" stroke="none" /></>, means: "It is heard, and takes tasks." },
  draining: { label: "Draining", hue: "retrying", shape: <path d="M7 1.500v8M3.500 6.500 7 10l3.500-3.500M2 12.500h10" />, means: "It finishes what it has, and takes nothing new." },
  silent: { label: "Silent", hue: "failed", shape: <path d="M7 1.500 13 12.500H1zM7 5.500v3.200M7 10.700v.1" />, means: "Three heartbeats are missing: it is gone, stuck or cut off. What it holds goes to another worker." },
  stopped: { label: "Stopped", hue: "waiting", shape: <rect x="2" y="2" width="10" height="10" rx="2" />, means: "It said goodbye." },
};

export function WorkerState({ state }: { state: string }) {
  const look = LOOKS[state];
  if (!look) return <span>{state}</span>;
  return <Mark {...look} />;
}

/** Whether it works, or could. */
export function serves(state: string): boolean {
  return state === "live";
}

const ORDER = Object.keys(LOOKS);

export function byState(one: { state: string; worker: string }, other: { state: string; worker: string }): number {
  return ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || (one.worker < other.worker ? -1 : 1);
}
