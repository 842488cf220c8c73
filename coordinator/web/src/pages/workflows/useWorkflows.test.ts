import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";
import type { RunSummary } from "~/live/frames";

import { withRuns } from "./useWorkflows";

const run = (run_id: string, created_at_us: number, state: RunSummary["state"] = "succeeded") => ({ run_id, workflow: "w", created_at_us, state }) as RunSummary;
const workflow = (...last_runs: RunSummary[]) => ({ name: "w", last_runs }) as unknown as Schemas["WorkflowSummary"];
const told = (found: Schemas["WorkflowSummary"]) => found.last_runs.map((one) => `${one.run_id} ${one.state}`);

it("the last runs follow the stream: changed, newer, never more than five", () => {
  const before = workflow(run("5", 5, "running"), run("4", 4), run("3", 3), run("2", 2), run("1", 1));
  expect(told(withRuns(before, [run("5", 5, "failed")]))).toEqual(["5 failed", "4 succeeded", "3 succeeded", "2 succeeded", "1 succeeded"]);
  expect(told(withRuns(before, [run("6", 6, "running"), run("0", 0)]))).toEqual(["6 running", "5 running", "4 succeeded", "3 succeeded", "2 succeeded"]);
});

it("a workflow that nothing was told of stays the same object", () => {
  const before = workflow(run("1", 1));
  expect(withRuns(before, [{ ...run("2", 2), workflow: "other" }])).toBe(before);
});
