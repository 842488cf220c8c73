import { expect, it } from "vitest";

import { type Activity, shownOf } from "./activity";

const doing = (kind: Activity["kind"]) => ({ kind, text: "", node: "a" }) as Activity;

it.each([
  ["dispatched", "running", "running", "Running"],
  ["dispatched", "queued", "waiting", "Queued"],
  ["dispatched", "no_worker", "waiting", "No worker"],
  ["dispatched", "no_task", "waiting", "No worker has it"],
  ["dispatched", "lost", "lost", "Lost"],
  ["mapping", "running", "mapping", "Mapping"],
  ["mapping", "no_slot", "waiting", "No free slot"],
] as const)("a %s node that is %s", (state, kind, shown, label) => {
  expect(shownOf({ state, activity: doing(kind) })).toEqual({ state: shown, label });
});

it("what has ended does nothing any more", () => {
  expect(shownOf({ state: "succeeded", activity: doing("running") })).toEqual({ state: "succeeded", label: "Succeeded" });
  expect(shownOf({ state: "dispatched", activity: null })).toEqual({ state: "dispatched", label: "Dispatched" });
});
