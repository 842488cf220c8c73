import type { components } from "~/api/schema";

import { type AnyState, type NodeState, lookOf } from "./states";

export type Activity = components["schemas"]["Activity"];

interface Does {
  state: NodeState;
  activity: Activity | null;
}

/** What the server says that a node does, as a state that has an icon, and in a word. */
const SHOWN: Record<Activity["kind"], { state: AnyState; label: string }> = {
  running: { state: "running", label: "Running" },
  queued: { state: "waiting", label: "Queued" },
  no_slot: { state: "waiting", label: "No free slot" },
  no_worker: { state: "waiting", label: "No worker" },
  no_task: { state: "waiting", label: "No worker has it" },
  lost: { state: "lost", label: "Lost" },
  retry: { state: "retrying", label: "Retrying" },
  collect: { state: "collecting", label: "Collecting" },
};

const UNDER_WAY: ReadonlySet<NodeState> = new Set(["dispatched", "retrying", "mapping", "collecting"]);

/** How a node is drawn. A map that runs stays a map; what has ended does nothing, whatever was said before. */
export function shownOf(node: Does): { state: AnyState; label: string } {
  const { activity, state } = node;
  const own = { state, label: lookOf(state).label };
  if (activity === null || !UNDER_WAY.has(state)) return own;
  const shown = SHOWN[activity.kind];
  return state === "mapping" && activity.kind === "running" ? own : shown;
}
