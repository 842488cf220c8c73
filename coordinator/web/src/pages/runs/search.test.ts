import { describe, expect, it } from "vitest";

import type { RunSummary } from "~/live/frames";

import { listCommand, matches, queryOf, runsSearch } from "./search";

const NOW = 1_000_000e6;
const run = {
  run_id: "01HX",
  workflow: "flights",
  state: "failed",
  trigger: "event:landed",
  event_id: "m1",
  labels: { team: "ops" },
  created_at_us: NOW - 1800e6,
  error: { message: "No such file" },
} as unknown as RunSummary;

describe("a run that the stream told of", () => {
  it.each([
    [{}, true],
    [{ workflow: "flights", state: ["failed" as const, "running" as const] }, true],
    [{ state: ["running" as const] }, false],
    [{ label: "team=ops" }, true],
    [{ label: "team=dev" }, false],
    [{ q: "no such" }, true],
    [{ q: "01hx" }, true],
    [{ q: "other" }, false],
    [{ range: "1h" as const }, true],
    [{ range: "15m" as const }, false],
    [{ before: new Date((NOW - 3600e6) / 1000).toISOString() }, false],
    [{ event: "m2" }, false],
  ])("fits %j: %s", (filter, fits) => {
    expect(matches(run, filter, NOW)).toBe(fits);
  });
});

it("a range is counted back from now", () => {
  expect(queryOf({ range: "1h", state: ["failed"] }, NOW)).toEqual({ from: String(NOW - 3600e6), state: ["failed"] });
});

it("whatever the address says, the page gets what it can use", () => {
  expect(runsSearch({ state: ["failed", "exploded"], range: "9y", pick: ["a", "a"] })).toMatchObject({ state: ["failed"], range: undefined, pick: ["a"] });
});

it("the command line quotes what a shell would read", () => {
  expect(listCommand({ workflow: "flights", state: ["failed"], q: "it's" })).toBe("headrace runs list --workflow flights --state failed --search 'it'\\''s'");
});
