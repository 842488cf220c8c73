import type { Schemas } from "~/api/client";
import type { AnyState } from "~/design/states";
import { isState } from "~/design/states";

import type { Stretch } from "./scale";

type NodeView = Schemas["NodeView"];
type AttemptView = Schemas["AttemptView"];

/** A part of a bar: in a queue, at work, or waiting for the next attempt. */
export interface Segment extends Stretch {
  kind: "wait" | "run" | "backoff" | "map";
  state: AnyState;
  attempt: number;
  /** It goes on: `toUs` is now. */
  open: boolean;
  worker?: string;
  error?: string;
}

/** When an attempt that runs began, as its worker's heartbeat says; unknown while it is in the queue. */
export type Held = ReadonlyMap<string, number>;

export function heldKey(node: string, item: number | null | undefined, attempt: number): string {
  return `${node} ${item ?? ""} ${attempt}`;
}

/** The bar of a node: of a map one segment, whose items have bars of their own. */
export function segmentsOf(node: NodeView, held: Held, nowUs: number): Segment[] {
  if (node.map) {
    if (node.ready_at_us === null) return [];
    return [{ kind: "map", fromUs: node.ready_at_us, toUs: node.finished_at_us ?? nowUs, state: node.state, attempt: 0, open: node.finished_at_us === null }];
  }
  const segments = attemptSegments(node.attempts.filter((one) => one.item === null));
  if (node.finished_at_us !== null) return segments;
  const last = segments.at(-1);
  if (node.state === "retrying") {
    if (last) segments.push({ kind: "backoff", fromUs: last.toUs, toUs: Math.max(nowUs, last.toUs), state: "retrying", attempt: node.attempt, open: true });
  } else if (node.state === "dispatched" && node.queued_at_us !== null) {
    if (last && last.attempt < node.attempt) segments.push({ kind: "backoff", fromUs: last.toUs, toUs: node.queued_at_us, state: "retrying", attempt: node.attempt, open: false });
    segments.push(...moving(node.queued_at_us, held.get(heldKey(node.node, null, node.attempt)), node.attempt, nowUs));
  }
  return segments;
}

function moving(queuedUs: number, startedUs: number | undefined, attempt: number, nowUs: number): Segment[] {
  const upto = Math.max(nowUs, queuedUs);
  if (startedUs === undefined) return [{ kind: "wait", fromUs: queuedUs, toUs: upto, state: "waiting", attempt, open: true }];
  return [
    { kind: "wait", fromUs: queuedUs, toUs: startedUs, state: "waiting", attempt, open: false },
    { kind: "run", fromUs: startedUs, toUs: Math.max(upto, startedUs), state: "running", attempt, open: true },
  ];
}

/** Attempts one after the other: queue wait apart from run time, and what lies between attempts. */
export function attemptSegments(attempts: readonly AttemptView[]): Segment[] {
  const segments: Segment[] = [];
  for (const one of attempts) {
    const last = segments.at(-1);
    const { attempt, worker } = one;
    // A lost attempt may not have been seen to start, and of a lost item nobody knows when it was queued.
    const startedUs = Math.max(one.started_at_us || one.queued_at_us || one.finished_at_us, one.queued_at_us);
    const queuedUs = one.queued_at_us || startedUs;
    if (last && queuedUs > last.toUs) segments.push({ kind: "backoff", fromUs: last.toUs, toUs: queuedUs, state: "retrying", attempt, open: false });
    segments.push({ kind: "wait", fromUs: queuedUs, toUs: startedUs, state: "waiting", attempt, open: false });
    const state = isState(one.state) ? one.state : "cancelled";
    segments.push({ kind: "run", fromUs: startedUs, toUs: Math.max(startedUs, one.finished_at_us), state, attempt, open: false, worker, ...(one.error ? { error: one.error.message } : {}) });
  }
  return segments;
}

/** Attempts of a map, by item. */
export function byItem(attempts: readonly AttemptView[]): [number, AttemptView[]][] {
  const items = new Map<number, AttemptView[]>();
  for (const one of attempts) {
    if (one.item === null) continue;
    const all = items.get(one.item) ?? [];
    items.set(one.item, all);
    all.push(one);
  }
  return [...items].sort(([one], [other]) => one - other);
}

export function busyOf(segments: readonly Segment[]): Stretch[] {
  return segments.filter((one) => one.kind !== "backoff");
}
