import type { components } from "~/api/schema";

export type RunState = components["schemas"]["RunSummary"]["state"];
export type NodeState = components["schemas"]["NodeView"]["state"];
/** How attempts end that neither a run nor a node ends in. */
type AttemptState = "lost" | "ignored";

/** The hues of tokens.css (`--state-<hue>`); states that mean alike share one and differ in their icon's shape. */
export type Hue = "running" | "succeeded" | "failed" | "retrying" | "waiting" | "cancelled";

interface Look {
  hue: Hue;
  label: string;
  /** The state of attempts and nodes that still move. */
  moving?: boolean;
}

export const RUN_STATES: readonly RunState[] = ["running", "failed", "succeeded", "cancelled"];

const LOOKS: Record<RunState | NodeState | AttemptState, Look> = {
  running: { hue: "running", label: "Running", moving: true },
  succeeded: { hue: "succeeded", label: "Succeeded" },
  failed: { hue: "failed", label: "Failed" },
  cancelled: { hue: "cancelled", label: "Cancelled" },
  waiting: { hue: "waiting", label: "Waiting" },
  ready: { hue: "waiting", label: "Ready" },
  dispatched: { hue: "running", label: "Dispatched", moving: true },
  retrying: { hue: "retrying", label: "Retrying", moving: true },
  mapping: { hue: "running", label: "Mapping", moving: true },
  collecting: { hue: "running", label: "Collecting", moving: true },
  upstream_failed: { hue: "waiting", label: "Upstream failed" },
  lost: { hue: "failed", label: "Lost" },
  ignored: { hue: "cancelled", label: "Ignored" },
};

export type AnyState = keyof typeof LOOKS;

export function lookOf(state: AnyState): Look {
  return LOOKS[state];
}

export function isState(text: string): text is AnyState {
  return text in LOOKS;
}

export function isRunState(text: string): text is RunState {
  return (RUN_STATES as readonly string[]).includes(text);
}
