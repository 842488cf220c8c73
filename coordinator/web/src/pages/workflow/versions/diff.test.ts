import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";
import { edgeId } from "~/graph/layered";

import { diffOf, summaryOf } from "./diff";

type Definition = Schemas["WorkflowDefinition"];
type Node = Schemas["NodeDefinition"];
const node = (id: string, reads: string[] = [], more: Partial<Node> = {}): Node => ({ id, task: id, bindings: Object.fromEntries(reads.map((one) => [one, { bind: "output" as const, node: one }])), ...more });
const flow = (nodes: Node[], more: Partial<Definition> = {}): Definition => ({ name: "w", nodes, tasks: Object.fromEntries(nodes.map((one) => [one.task, { name: one.task, returns: { type: "integer" } }])), ...more });

it("the same definition has no difference", () => {
  const one = flow([node("a"), node("b", ["a"])]);
  expect(diffOf(one, structuredClone(one)).rows).toEqual([]);
  expect(summaryOf(diffOf(one, one))).toBe("These versions do the same.");
});

it("finds nodes and edges that came and went, and draws all of them", () => {
  const diff = diffOf(flow([node("a"), node("b", ["a"]), node("c", ["b"])]), flow([node("a"), node("c", ["a"]), node("d", ["c"])]));
  expect(Object.fromEntries(diff.nodes)).toEqual({ b: "removed", c: "changed", d: "added" });
  expect(Object.fromEntries(diff.edges)).toEqual({ [edgeId("a", "c")]: "added", [edgeId("c", "d")]: "added", [edgeId("a", "b")]: "removed", [edgeId("b", "c")]: "removed" });
  expect(diff.rows.filter((row) => row.what.startsWith("edge")).map((row) => `${row.change} ${row.what}`)).toEqual(["added edge a → c", "added edge c → d", "removed edge a → b", "removed edge b → c"]);
  expect(diff.rows).toContainEqual({ what: "node c", change: "removed", field: "gets.b", before: "result of b", after: "" });
  expect(diff.shape.nodes).toEqual([
    { id: "a", upstream: [] },
    { id: "c", upstream: ["a", "b"] },
    { id: "d", upstream: ["c"] },
    { id: "b", upstream: ["a"] },
  ]);
  expect(summaryOf(diff)).toBe("1 node changed, 1 node added, 1 node removed, 2 edges added, 2 edges removed");
});

it("tells what of a node changed, and from what to what", () => {
  const diff = diffOf(flow([node("a", [], { options: { queue: "small", timeout_s: 10 } })]), flow([node("a", [], { options: { queue: "large", retry: { max_attempts: 3 } } })]));
  expect(diff.rows).toEqual([
    { what: "node a", change: "changed", field: "queue", before: "small", after: "large" },
    { what: "node a", change: "changed", field: "retries", before: "none", after: "up to 3 attempts after 1 s, times 2 each, at most 5 min, with jitter" },
    { what: "node a", change: "changed", field: "timeout", before: "10 s", after: "none" },
  ]);
});

it("a task's result type changes the nodes that run it", () => {
  const before = flow([node("a")]);
  const after = { ...before, tasks: { a: { name: "a", returns: { type: "string" } } } };
  expect(diffOf(before, after).nodes.get("a")).toBe("changed");
});

it("knows params, triggers and the rest, too", () => {
  const before = flow([node("a")], { params: { n: { type: "integer" } }, required: ["n"], triggers: [{ on: "cron", id: "cron-1", expression: "0 6 * * *" }] });
  const after = flow([node("a")], { params: { n: { type: "integer" } }, required: [], defaults: { n: 3 }, deadline_s: 60 });
  expect(diffOf(before, after).rows.map((row) => `${row.what} ${row.field} ${row.change}`)).toEqual(["trigger cron-1  removed", "param n required removed", "param n default added", "workflow deadline_s added"]);
});
