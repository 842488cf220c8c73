import { oneOf, someOf, text, whole } from "~/app/search";
import type { NodeState } from "~/design/states";
import { runsSearch, type RunsSearch } from "~/pages/runs/search";

export const CELL_STATES = ["waiting", "ready", "dispatched", "retrying", "mapping", "collecting", "succeeded", "failed", "cancelled", "upstream_failed"] as const satisfies readonly NodeState[];

/** What the address of a workflow says besides its tab. */
export interface WorkflowSearch {
  /** The node that is selected. */
  task?: string | undefined;
  view?: "table" | undefined;
  /** The version whose graph or code is shown; absent: the current one. */
  version?: string | undefined;
}

export function workflowSearch(search: Record<string, unknown>): WorkflowSearch {
  return { task: text(search["task"]), view: oneOf(search["view"], ["table"] as const), version: text(search["version"]) };
}

export interface GridSearch {
  runs?: number | undefined;
  /** Only runs with a node in one of these. */
  cell?: NodeState[] | undefined;
  /** The cell that the keyboard is on. */
  run?: string | undefined;
  task?: string | undefined;
}

export function gridSearch(search: Record<string, unknown>): GridSearch {
  const runs = whole(search["runs"]);
  return { runs: runs === undefined || runs === 0 ? undefined : Math.min(1000, runs), cell: someOf(search["cell"], CELL_STATES), run: text(search["run"]), task: text(search["task"]) };
}

export interface VersionsSearch {
  /** Content hashes that are compared: `base` was, `with` is. */
  base?: string | undefined;
  with?: string | undefined;
}

export function versionsSearch(search: Record<string, unknown>): VersionsSearch {
  return { base: text(search["base"]), with: text(search["with"]) };
}

/** The list of runs, whose workflow the path says. */
export function workflowRunsSearch(search: Record<string, unknown>): RunsSearch {
  return { ...runsSearch(search), workflow: undefined };
}
