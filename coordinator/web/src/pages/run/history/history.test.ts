import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";

import { detailOf, titleOf } from "./sentences";
import { appended } from "./useHistory";

function batch(position: number): Schemas["LifecycleBatch"] {
  return { position, run_id: "r", workflow: "w", events: [{ kind: "node.dispatched", at_us: position }] };
}

const positions = (pages: Schemas["HistoryPage"][]) => pages.flatMap((page) => page.history.map((one) => one.position));

it("what the stream tells comes behind the last page, once", () => {
  const pages = [{ history: [batch(1), batch(2)], next: null }];
  const after = appended(pages, [batch(2), batch(3)]);
  expect(positions(after)).toEqual([1, 2, 3]);
  expect(appended(after, [batch(3)])).toBe(after);
});

it("with pages that were not read in between, it waits to be read", () => {
  const pages = [{ history: [batch(1)], next: 1 }];
  expect(appended(pages, [batch(9)])).toBe(pages);
});

it("kinds are told in words", () => {
  expect(titleOf("node.upstream_failed")).toBe("Node upstream failed");
  expect(titleOf("node.lost")).toBe("Attempt lost");
  expect(titleOf("item.returned")).toBe("Item attempt returned");
});

it.each([
  ["node.returned", { worker: "w1", reason: "unknown_task" }, "w1 gave it back: it does not have the task; the same attempt is dispatched again"],
  ["item.returned", { worker: "w1", reason: "" }, "w1 gave it back; the same attempt is dispatched again"],
  ["item.redelivered", {}, "its delivery was lost before a worker began it; the same attempt is dispatched again"],
  ["node.code_changed", { task: "load", before: "aa", code: "bb", worker: "w1" }, "w1 has other code of load than the run met before: bb, not aa"],
])("%s is explained", (kind, about, text) => {
  expect(detailOf({ kind, at_us: 1, data: about })).toBe(text);
});
