import { expect, it } from "vitest";

import type { RunSummary } from "~/live/frames";
import { hearRuns } from "~/live/runs";

import { newer } from "./useRunList";

it("runs that the stream tells while their list is read are not new once it is there", () => {
  hearRuns(["old", "read", "first", "new"].map((run_id, at) => ({ run_id, created_at_us: at }) as RunSummary));
  const heard = ["new", "first", "read", "old"];
  expect(newer(heard, [])).toEqual(heard);
  expect(newer(heard, ["first", "read"])).toEqual(["new"]);
});
