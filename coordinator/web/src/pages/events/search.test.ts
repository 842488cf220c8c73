import { describe, expect, it } from "vitest";

import { type EventView, dataLine, eventsSearch, matches, queryOf } from "./search";

const event: EventView = {
  event_id: "m1",
  source: "/airport",
  type: "flights.landed",
  subject: "",
  received_at_us: Date.parse("2026-11-25T10:00:00Z") * 1000,
  runs: [], verdicts: [],
  position: 7,
  event: { type: "flights.landed", data: { month: "2013-01", Gate: "B4" } },
};

describe("an event that the stream told of", () => {
  it.each([
    [{}, true],
    [{ type: "flights.landed" }, true],
    [{ type: "flights" }, false],
    [{ source: "/airport", q: "gate" }, true],
    [{ q: "2013-02" }, false],
    [{ id: "m1", from: "2026-11-25T10:00:00Z" }, true],
    [{ before: "2026-11-25T10:00:00Z" }, false],
  ])("%j belongs into the list: %s", (filter, fits) => expect(matches(event, filter)).toBe(fits));

  it("shows its data on one line", () => {
    expect(dataLine(event)).toBe('{"month":"2013-01","Gate":"B4"}');
    expect(dataLine({ ...event, event: null })).toBe("");
  });
});

describe("the address of the events", () => {
  it("keeps what it knows", () => expect(eventsSearch({ type: "a", range: "1h", follow: "1", at: "7", nope: "x" })).toMatchObject({ type: "a", range: "1h", follow: "1", at: "7" }));
  it("counts a range back from now", () => expect(queryOf({ range: "15m", type: "a" }, 2000e6)).toEqual({ type: "a", from: String(1100e6) }));
});
