import { describe, expect, it } from "vitest";

import { absolute, duration, exact, relative } from "./format";

const AT = Date.UTC(2026, 10, 25, 23, 30, 7, 204) * 1000;

describe("times", () => {
  it("are told in the chosen zone, with its name", () => {
    expect(exact(AT, "UTC")).toBe("2026-11-25 23:30:07.204 UTC");
    expect(exact(AT, "Asia/Kolkata")).toBe("2026-11-26 05:00:07.204 GMT+5:30");
  });

  it("name the day when it is another one there", () => {
    expect(absolute(AT, AT + 1e6, "UTC")).toBe("23:30:07");
    expect(absolute(AT, AT + 3600e6, "UTC")).toBe("2026-11-25 23:30:07");
    expect(absolute(AT, AT + 3600e6, "America/New_York")).toBe("18:30:07");
  });

  it("are rough when relative", () => {
    expect([0, 12, 185, 7300, 200_000].map((s) => relative(AT, AT + s * 1e6))).toEqual(["now", "12 s ago", "3 min ago", "2 h ago", "2 d ago"]);
    expect(relative(AT + 90e6, AT)).toBe("in 1 min");
  });
});

it("durations keep three digits that matter", () => {
  const said = [40, 4_200, 1_240_000, 42_300_000, 184_000_000, 7_500_000_000].map(duration);
  expect(said).toEqual(["40 µs", "4 ms", "1.24 s", "42.3 s", "3 min 04 s", "2 h 05 min"]);
});
