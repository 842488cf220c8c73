import { expect, it } from "vitest";

import { bindingText, retryText, timeoutText, upstreamOf } from "./describe";

it("finds what a node waits for, wherever it reads it", () => {
  const reads = { bind: "list" as const, items: [{ bind: "output" as const, node: "a" }, { bind: "object" as const, fields: { x: { bind: "output" as const, node: "b", path: ["y", 0] } } }] };
  expect(upstreamOf({ id: "n", task: "t", bindings: { one: reads, two: { bind: "param", name: "p" } }, map: { over: { bind: "output", node: "c" } }, after: ["d", "a"] })).toEqual(["a", "b", "c", "d"]);
  expect(bindingText(reads)).toBe("[result of a, {x: result of b.y[0]}]");
});

it("says retries and timeouts exactly", () => {
  expect(retryText({})).toBe("none");
  expect(retryText({ retry: { max_attempts: 3, backoff_s: 0.25, factor: 1, jitter: false, give_up_on: ["ValueError"] } })).toBe("up to 3 attempts after 0.25 s; never on ValueError");
  expect([timeoutText({}), timeoutText({ timeout_s: 90 }), timeoutText({ timeout_s: 120 }), timeoutText({ timeout_s: 7200 })]).toEqual(["none", "90 s", "2 min", "2 h"]);
});
