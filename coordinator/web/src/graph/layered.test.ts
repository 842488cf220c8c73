import { expect, it } from "vitest";

import { NODE, edgeId, layered } from "./layered";

const node = (id: string, ...upstream: string[]) => ({ id, upstream });

it("a node stands right of everything it waits for, in whatever order they are listed", () => {
  const { places } = layered({ nodes: [node("d", "b", "c"), node("b", "a"), node("c", "b"), node("a")] });
  const column = (id: string) => places.get(id)?.x ?? Number.NaN;
  expect([column("a"), column("b"), column("c"), column("d")].map((x) => x / column("b"))).toEqual([0, 1, 2, 3]);
});

it("no two nodes overlap, and crossings that can be avoided are", () => {
  const nodes = [node("a"), node("b"), node("x", "b"), node("y", "a")];
  const { places } = layered({ nodes });
  const all = [...places.values()];
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(index + 1)) expect(Math.abs(one.x - other.x) >= NODE.width || Math.abs(one.y - other.y) >= NODE.height).toBe(true);
  }
  expect((places.get("a")?.y ?? 0) < (places.get("b")?.y ?? 0)).toBe((places.get("y")?.y ?? 0) < (places.get("x")?.y ?? 0));
});

it("an edge passes by the nodes between its ends, not through them", () => {
  const { places, routes } = layered({ nodes: [node("a"), node("b", "a"), node("c", "a", "b")] });
  const [way] = routes.get(edgeId("a", "c")) ?? [];
  const between = places.get("b");
  expect(way && between && (way.y < between.y || way.y > between.y + NODE.height)).toBe(true);
});

it("a cycle or a missing producer is shown all the same", () => {
  const { places } = layered({ nodes: [node("a", "b"), node("b", "a"), node("c", "gone")] });
  expect(["a", "b", "c"].every((id) => places.has(id))).toBe(true);
});

it("a thousand nodes take a few milliseconds", () => {
  const nodes = Array.from({ length: 1000 }, (_, index) => node(`n${index}`, ...[`n${index >> 1}`, `n${index >> 3}`].filter((id) => id !== `n${index}`)));
  const began = performance.now();
  expect(layered({ nodes }).places.size).toBeGreaterThanOrEqual(1000);
  expect(performance.now() - began).toBeLessThan(250);
});
