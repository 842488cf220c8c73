import { describe, expect, it } from "vitest";

import { exactText, longInteger, parseExact, stringifyExact, taggedOf } from "./exact";

describe("values without a digit lost", () => {
  it.each(["9007199254740993", "-9223372036854775808", "18446744073709551615"])("keeps %s", (digits) => {
    const found = parseExact(`{"n": [${digits}]}`) as { n: unknown[] };
    expect(longInteger(found.n[0])).toBe(digits);
    expect(stringifyExact(found)).toBe(`{"n":[${digits}]}`);
  });

  it("leaves texts and small numbers alone", () => {
    const text = '{"a": "id 9007199254740993 \\" 9007199254740993", "b": 9007199254740991, "c": 0.12345678901234568, "d": 1e300}';
    expect(exactText(text)).toBe(text);
  });

  it("knows a tagged value from an object of the user's", () => {
    expect(taggedOf({ $headrace: "float", value: "NaN" })).toEqual({ kind: "float", value: "NaN" });
    expect(taggedOf({ $headrace: "float", value: "NaN", more: 1 })).toBeUndefined();
    expect(taggedOf({ value: 1 })).toBeUndefined();
  });

  it("keeps integers beyond 64 bits tagged, as the API wants them", () => {
    const value = { $headrace: "int", value: "1" + "0".repeat(30) };
    expect(JSON.parse(stringifyExact(value))).toEqual(value);
  });
});
