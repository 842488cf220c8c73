import { beforeEach, expect, it } from "vitest";

import type { RunSummary } from "./frames";
import { forgetRuns, hearRuns, keepRuns, readingBegins, useRunStore } from "./runs";

const run = (state: string) => ({ run_id: "r1", state }) as RunSummary;
const shown = () => useRunStore.getState().byId.get("r1")?.state;

beforeEach(forgetRuns);

it("an answer that was under way does not undo what the stream told meanwhile", () => {
  const began = readingBegins();
  hearRuns([run("succeeded")]);
  keepRuns([run("running")], began);
  expect(shown()).toBe("succeeded");
});

it("an answer that was asked for later wins", () => {
  hearRuns([run("running")]);
  keepRuns([run("succeeded")], readingBegins());
  expect(shown()).toBe("succeeded");
});
