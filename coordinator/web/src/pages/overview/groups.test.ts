import { describe, expect, it } from "vitest";

import type { RunSummary } from "~/live/frames";
import { firstLine } from "~/ui/RunLines";

import { groupFailures } from "./groups";

const failed = (run_id: string, workflow: string, message: string) => ({ run_id, workflow, error: { message } }) as unknown as RunSummary;

describe("failures", () => {
  const groups = groupFailures([failed("4", "b", "late\nsecond line"), failed("3", "a", "refused"), failed("2", "a", "lost 7 of 12"), failed("1", "a", "lost 12 of 12")], firstLine);

  it("come by workflow, the one that failed last first", () => {
    expect(groups.map((one) => [one.workflow, one.count, one.newest.run_id])).toEqual([["b", 1, "4"], ["a", 3, "3"]]);
  });

  it("tell their errors by first line, figures aside, the most frequent first", () => {
    expect(groups[0]?.errors.map((one) => one.line)).toEqual(["late"]);
    expect(groups[1]?.errors.map((one) => [one.line, one.count, one.run.run_id])).toEqual([["lost 7 of 12", 2, "2"], ["refused", 1, "3"]]);
  });
});
