import type { Schemas } from "~/api/client";
import { type AnyState, type NodeState, type RunState, isState } from "~/design/states";
import type { LifecycleBatch, RunSummary } from "~/live/frames";

export type Grid = Schemas["Grid"];
type Event = LifecycleBatch["events"][number];

/** `null`: the run's version has no such node. */
export type CellState = NodeState | null;

export interface Column {
  run: Grid["runs"][number];
  states: readonly CellState[];
  durationsMs: readonly (number | null)[];
}

/** Runs as columns, the oldest first, against nodes as rows. */
export interface Model {
  nodes: readonly string[];
  columns: readonly Column[];
}

export function modelOf(grid: Grid): Model {
  const states = grid.states.map(stateOf);
  const columns = grid.runs.map((run, at): Column => ({ run, states: (grid.cells[at] ?? []).map((code) => states[code] ?? null), durationsMs: grid.durations_ms[at] ?? [] }));
  return { nodes: grid.nodes, columns: columns.toReversed() };
}

function stateOf(name: string): CellState {
  return isState(name) ? (name satisfies AnyState as NodeState) : null;
}

/** A grid after its newest runs were read again: columns that are known are replaced, others are added at the end. */
export function merged(model: Model, newest: Grid): Model {
  const next = modelOf(newest);
  const nodes = [...new Set([...next.nodes, ...model.nodes])];
  const same = nodes.length === model.nodes.length && nodes.every((node, at) => node === model.nodes[at]);
  const old = same ? model.columns : model.columns.map((column) => arranged(column, model.nodes, nodes));
  const read = new Map(next.columns.map((column) => [column.run.run_id, arranged(column, next.nodes, nodes)]));
  const kept = old.map((column) => read.get(column.run.run_id) ?? column);
  const known = new Set(old.map((column) => column.run.run_id));
  const added = [...read.values()].filter((column) => !known.has(column.run.run_id));
  // A run that this tab heard of late is in its place all the same.
  return { nodes: same ? model.nodes : nodes, columns: added.length === 0 ? kept : [...kept, ...added].sort((a, b) => a.run.created_at_us - b.run.created_at_us) };
}

function arranged(column: Column, from: readonly string[], to: readonly string[]): Column {
  if (from.length === to.length && from.every((node, at) => node === to[at])) return column;
  const places = to.map((node) => from.indexOf(node));
  return { ...column, states: places.map((at) => column.states[at] ?? null), durationsMs: places.map((at) => column.durationsMs[at] ?? null) };
}

/** A grid after runs changed as a whole; the same when it knows none of them. */
export function withRunStates(model: Model, runs: readonly RunSummary[]): Model {
  const told = new Map(runs.map((run) => [run.run_id, run]));
  let changed = false;
  const columns = model.columns.map((column) => {
    const run = told.get(column.run.run_id);
    if (!run) return column;
    changed = true;
    return { ...column, run: { ...column.run, state: run.state, duration_s: run.duration_s } };
  });
  return changed ? { ...model, columns } : model;
}

const KINDS: Record<string, NodeState> = {
  "node.dispatched": "dispatched",
  "node.mapped": "mapping",
  "node.retrying": "retrying",
  "node.succeeded": "succeeded",
  "node.failed": "failed",
  "node.cancelled": "cancelled",
  "node.upstream_failed": "upstream_failed",
};

/** A grid after what the stream told of nodes. */
export function withChanges(model: Model, batches: readonly LifecycleBatch[]): Model {
  const byRun = new Map<string, Event[]>();
  for (const batch of batches) byRun.set(batch.run_id, [...(byRun.get(batch.run_id) ?? []), ...batch.events]);
  let changed = false;
  const columns = model.columns.map((column) => {
    const events = byRun.get(column.run.run_id);
    const next = events ? patched(column, events, model.nodes) : column;
    changed ||= next !== column;
    return next;
  });
  return changed ? { ...model, columns } : model;
}

function patched(column: Column, events: readonly Event[], nodes: readonly string[]): Column {
  const states = [...column.states];
  const durationsMs = [...column.durationsMs];
  let changed = false;
  for (const event of events) {
    const state = KINDS[event.kind];
    const at = event.node ? nodes.indexOf(event.node) : -1;
    // An item of a map is not its node.
    if (state === undefined || at < 0 || event.item != null) continue;
    states[at] = state;
    const readyUs = event.data?.["ready_at_us"];
    if (typeof readyUs === "number") durationsMs[at] = Math.max(0, Math.floor((event.at_us - readyUs) / 1000));
    changed = true;
  }
  return changed ? { ...column, states, durationsMs } : column;
}

export function isMoving(state: RunState): boolean {
  return state === "running";
}

/** Runs to follow: those that are not finished, the newest first. */
export function movingIds(model: Model, most: number): string[] {
  const found: string[] = [];
  for (let at = model.columns.length - 1; at >= 0 && found.length < most; at -= 1) {
    const run = model.columns[at]?.run;
    if (run && isMoving(run.state)) found.push(run.run_id);
  }
  return found;
}

/** How many of the newest runs have to be read again to have all that move. */
export function movingReach(model: Model, least: number, most: number): number {
  const first = model.columns.findIndex((column) => isMoving(column.run.state));
  return Math.min(most, Math.max(least, first < 0 ? 0 : model.columns.length - first));
}

/** Nodes so that each comes after those it waits for; those that only older versions have come last. */
export function topological(nodes: readonly string[], upstream: ReadonlyMap<string, readonly string[]>): number[] {
  const place = new Map(nodes.map((node, at) => [node, at]));
  const done = new Set<string>();
  const rows: number[] = [];
  const visit = (node: string) => {
    const at = place.get(node);
    if (at === undefined || done.has(node)) return;
    done.add(node);
    for (const source of upstream.get(node) ?? []) visit(source);
    rows.push(at);
  };
  for (const node of nodes) if (upstream.has(node)) visit(node);
  for (const node of nodes) visit(node);
  return rows;
}

/** How many cells are in each state. */
export function countStates(model: Model): Map<NodeState, number> {
  const counts = new Map<NodeState, number>();
  for (const column of model.columns) for (const state of column.states) if (state !== null) counts.set(state, (counts.get(state) ?? 0) + 1);
  return counts;
}

/** For each node how long it usually takes: the median of the runs in which it succeeded. */
export function usualMs(model: Model): (number | null)[] {
  return model.nodes.map((_, at) => {
    const times = model.columns.flatMap((column) => (column.states[at] === "succeeded" ? (column.durationsMs[at] ?? []) : [])).sort((a, b) => a - b);
    return times[times.length >> 1] ?? null;
  });
}
