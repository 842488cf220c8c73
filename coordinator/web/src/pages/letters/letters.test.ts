import { describe, expect, it } from "vitest";

import { bytesOf, hexDump, readable } from "./hex";
import { type Letter, lettersSearch, matches, stateOf } from "./search";

describe("a body", () => {
  it("is shown as bytes, as hexdump does", () => {
    const bytes = bytesOf({ body_base64: btoa("headrace \x00\xffletters") });
    expect(hexDump(bytes, 1000).split("\n")).toEqual([
      "00000000  68 65 61 64 72 61 63 65  20 00 ff 6c 65 74 74 65  |headrace ..lette|",
      "00000010  72 73                                             |rs|",
    ]);
  });

  it("is cut where it is long", () => expect(hexDump(bytesOf({ body: "x".repeat(100) }), 32).split("\n")).toHaveLength(2));
  it("is text as UTF-8", () => expect([...bytesOf({ body: "é" })]).toEqual([0xc3, 0xa9]));
  it("is indented when it is JSON, and left alone when not", () => expect([readable('{"a":1}'), readable("not json")]).toEqual(['{\n  "a": 1\n}', "not json"]));
});

describe("letters that the stream told of", () => {
  const letter = { letter_id: "L1", subject: "hr.default.in.0", received_at_us: 5000e6, error: { code: "protocol.malformed", message: "No JSON" } } as Letter;
  it.each([
    [{}, true],
    [{ q: "no json" }, true],
    [{ q: "in.0" }, true],
    [{ q: "unroutable" }, false],
    [{ range: "15m" as const }, true],
    [{ range: "15m" as const, q: "l1" }, true],
  ])("%j: %s", (filter, fits) => expect(matches(letter, filter, 5400e6)).toBe(fits));
  it("leave a range that has moved on", () => expect(matches(letter, { range: "15m" }, 6000e6)).toBe(false));
});

it("open letters are asked for unless the address says otherwise", () => {
  expect([stateOf(lettersSearch({})), stateOf(lettersSearch({ state: "any" })), stateOf(lettersSearch({ state: "discarded" }))]).toEqual(["open", undefined, "discarded"]);
});
