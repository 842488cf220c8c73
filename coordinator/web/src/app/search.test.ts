import { expect, it } from "vitest";

import { list, oneOf, parseSearch, someOf, stringifySearch, whole } from "./search";

it("addresses survive being read and written", () => {
  const address = "?state=failed&state=running&q=a%26b+c&workflow=123";
  expect(parseSearch(address)).toEqual({ state: ["failed", "running"], q: "a&b c", workflow: "123" });
  expect(stringifySearch(parseSearch(address))).toBe(address);
});

it("what is empty or absent is not written", () => {
  expect(stringifySearch({ a: undefined, b: "", c: [], d: null })).toBe("");
});

it("nonsense in the address becomes nothing", () => {
  expect(someOf(["failed", "exploded"], ["failed", "running"])).toEqual(["failed"]);
  expect(someOf("exploded", ["failed"])).toBeUndefined();
  expect(oneOf(["a", "b"], ["a", "b"])).toBe("b");
  expect(list(["x", "x", ""])).toEqual(["x"]);
  expect([whole("12"), whole("-1"), whole("1e5")]).toEqual([12, undefined, undefined]);
});
