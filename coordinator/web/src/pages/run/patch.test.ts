import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";
import type { LifecycleBatch } from "~/live/frames";

import { patchActivity, patchRun } from "./patch";

const node = (name: string, more: Partial<Schemas["NodeView"]> = {}) =>
  ({ node: name, state: "waiting", attempt: 0, failures: 0, ready_at_us: null, finished_at_us: null, map: null, error: null, ...more }) as Schemas["NodeView"];
const run = (...nodes: Schemas["NodeView"][]) => ({ run_id: "r", nodes, nodes_done: 0 }) as unknown as Schemas["RunDetail"];
const told = (kind: string, at_us: number, more: object = {}) => ({ run_id: "r", position: at_us, workflow: "w", events: [{ kind, at_us, node: "a", ...more }] }) as unknown as LifecycleBatch;
const first = (found: Schemas["RunDetail"]) => found.nodes[0];

it("follows a node from its dispatch to its end", () => {
  const found = patchRun(run(node("a"), node("b")), [told("node.dispatched", 10, { attempt: 1 }), told("node.succeeded", 30, { attempt: 1, data: { ready_at_us: 10 } })]);
  expect(first(found)).toMatchObject({ state: "succeeded", attempt: 1, finished_at_us: 30, duration_s: 20e-6 });
  expect(found.nodes_done).toBe(1);
});

it("leaves nodes alone that nothing happened to", () => {
  const before = run(node("a"), node("b"));
  const after = patchRun(before, [told("node.dispatched", 10, { attempt: 1 })]);
  expect(after.nodes[1]).toBe(before.nodes[1]);
  expect(patchRun(before, [{ ...told("node.dispatched", 10), run_id: "other" }])).toBe(before);
});

it("an event that the answer knew already changes nothing", () => {
  const before = run(node("a", { state: "succeeded", attempt: 2, finished_at_us: 50 }));
  for (const late of [told("node.dispatched", 10, { attempt: 1 }), told("node.dispatched", 20, { attempt: 2 }), told("node.retrying", 15, { attempt: 1 }), told("node.succeeded", 50, { attempt: 2 })]) {
    expect(patchRun(before, [late])).toBe(before);
  }
});

it("a retry keeps its error and the time of the next attempt", () => {
  const before = run(node("a", { state: "dispatched", attempt: 1 }));
  const after = patchRun(before, [told("node.retrying", 20, { attempt: 1, error: { message: "no" }, data: { retry_at_us: 99 } })]);
  expect(first(after)).toMatchObject({ state: "retrying", retry_at_us: 99, failures: 1, error: { message: "no" } });
  expect(first(patchRun(after, [told("node.dispatched", 99, { attempt: 2 })]))).toMatchObject({ state: "dispatched", attempt: 2, retry_at_us: null });
});

it("a map shows how many items it has", () => {
  expect(first(patchRun(run(node("a")), [told("node.mapped", 5, { data: { total: 300 } })]))).toMatchObject({ state: "mapping", map: { total: 300, done: 0 } });
});

it("a node shows what the server says it does, until the next dispatch or its end", () => {
  const doing = { kind: "running", text: "a runs on w1", node: "a", worker: "w1", since_us: 7 } as const;
  const before = run(node("a", { state: "dispatched", attempt: 1, activity: null }), node("b", { activity: null }));
  const after = patchActivity(before, { run_id: "r", nodes: [doing] });
  expect(first(after)?.activity).toEqual(doing);
  expect(after.nodes[1]).toBe(before.nodes[1]);
  expect(first(patchActivity(after, { run_id: "r", nodes: [] }))?.activity).toBeNull();
  const retried = patchRun(patchRun(after, [told("node.retrying", 20, { attempt: 1 })]), [told("node.dispatched", 30, { attempt: 2 })]);
  expect(first(retried)?.activity).toBeNull();
});
