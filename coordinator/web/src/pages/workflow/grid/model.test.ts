import { expect, it } from "vitest";

import type { LifecycleBatch } from "~/live/frames";

import { type Grid, countStates, merged, modelOf, movingReach, topological, usualMs, withChanges } from "./model";

const STATES = ["absent", "waiting", "ready", "dispatched", "retrying", "mapping", "collecting", "succeeded", "failed", "cancelled", "upstream_failed"];
const [WAITING, DISPATCHED, SUCCEEDED, FAILED] = ["waiting", "dispatched", "succeeded", "failed"].map((state) => STATES.indexOf(state)) as [number, number, number, number];
const run = (run_id: string, created_at_us: number, state: Grid["runs"][number]["state"] = "succeeded") => ({ run_id, state, version: "v", trigger: "manual", created_at_us, duration_s: 1 });
/** As the API tells it: the newest run first. */
const grid = (nodes: string[], ...runs: [Grid["runs"][number], number[], (number | null)[]][]): Grid => ({ workflow: "w", states: STATES, nodes, runs: runs.map(([one]) => one), cells: runs.map(([, cells]) => cells), durations_ms: runs.map(([, , times]) => times) });
const ids = (model: { columns: readonly { run: { run_id: string } }[] }) => model.columns.map((column) => column.run.run_id);

it("the oldest run is the first column", () => {
  const model = modelOf(grid(["a", "b"], [run("new", 2), [SUCCEEDED, FAILED], [10, 20]], [run("old", 1), [SUCCEEDED, 0], [30, null]]));
  expect(ids(model)).toEqual(["old", "new"]);
  expect(model.columns.map((column) => column.states)).toEqual([["succeeded", null], ["succeeded", "failed"]]);
});

it("reading the newest again replaces and adds, and drops nothing", () => {
  const before = modelOf(grid(["a"], [run("2", 2, "running"), [DISPATCHED], [null]], [run("1", 1), [SUCCEEDED], [5]]));
  const after = merged(before, grid(["a"], [run("3", 3, "running"), [WAITING], [null]], [run("2", 2), [SUCCEEDED], [7]]));
  expect(ids(after)).toEqual(["1", "2", "3"]);
  expect(after.columns.map((column) => column.states[0])).toEqual(["succeeded", "succeeded", "waiting"]);
  expect(after.columns[0]).toBe(before.columns[0]);
});

it("a new version's nodes become rows, and older runs lack them", () => {
  const before = modelOf(grid(["a", "b"], [run("1", 1), [SUCCEEDED, FAILED], [5, 6]]));
  const after = merged(before, grid(["b", "c"], [run("2", 2), [SUCCEEDED, SUCCEEDED], [1, 2]]));
  expect(after.nodes).toEqual(["b", "c", "a"]);
  expect(after.columns.map((column) => column.states)).toEqual([["failed", null, "succeeded"], ["succeeded", "succeeded", null]]);
  expect(after.columns[0]?.durationsMs).toEqual([6, null, 5]);
});

it("what the stream tells changes its cell and leaves the other columns alone", () => {
  const before = modelOf(grid(["a", "b"], [run("2", 2, "running"), [DISPATCHED, WAITING], [null, null]], [run("1", 1), [SUCCEEDED, SUCCEEDED], [5, 5]]));
  const told = (kind: string, node: string, more: object = {}) => ({ run_id: "2", workflow: "w", position: 1, events: [{ kind, at_us: 5_000_000, node, ...more }] }) as unknown as LifecycleBatch;
  const after = withChanges(before, [told("node.succeeded", "a", { data: { ready_at_us: 4_000_000 } }), told("node.dispatched", "b"), told("node.succeeded", "b", { item: 3 })]);
  expect(after.columns[1]).toMatchObject({ states: ["succeeded", "dispatched"], durationsMs: [1000, null] });
  expect(after.columns[0]).toBe(before.columns[0]);
  expect(withChanges(before, [{ ...told("node.failed", "a"), run_id: "other" }])).toBe(before);
});

it("reads again as far back as something moves", () => {
  const model = modelOf(grid(["a"], [run("3", 3), [SUCCEEDED], [1]], [run("2", 2, "running"), [DISPATCHED], [1]], [run("1", 1), [SUCCEEDED], [1]]));
  expect(movingReach(model, 1, 100)).toBe(2);
  expect(movingReach(modelOf(grid(["a"], [run("1", 1), [SUCCEEDED], [1]])), 5, 100)).toBe(5);
  expect(movingReach(model, 1, 1)).toBe(1);
});

it("rows follow the graph, and nodes that are gone come last", () => {
  const upstream = new Map([["c", ["b"]], ["b", ["a"]], ["a", []]]);
  expect(topological(["gone", "c", "b", "a"], upstream)).toEqual([3, 2, 1, 0]);
  expect(topological(["a", "b"], new Map([["a", ["b"]], ["b", ["a"]]])).toSorted()).toEqual([0, 1]);
});

it("counts states and knows the usual time", () => {
  const model = modelOf(grid(["a"], [run("3", 3), [SUCCEEDED], [30]], [run("2", 2), [FAILED], [999]], [run("1", 1), [SUCCEEDED], [10]], [run("0", 0), [SUCCEEDED], [20]]));
  expect(countStates(model)).toEqual(new Map([["succeeded", 3], ["failed", 1]]));
  expect(usualMs(model)).toEqual([20]);
});
