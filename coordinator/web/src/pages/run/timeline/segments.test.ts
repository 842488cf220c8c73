import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";

import { attemptSegments, byItem, heldKey, segmentsOf } from "./segments";

const S = 1e6;

function attempt(number: number, queued: number, started: number, finished: number, state = "succeeded", item: number | null = null): Schemas["AttemptView"] {
  return { node: "n", item, attempt: number, state, worker: "w", delivery: 1, queued_at_us: queued * S, started_at_us: started * S, finished_at_us: finished * S, queue_wait_s: started - queued, duration_s: finished - started, error: null };
}

function node(change: Partial<Schemas["NodeView"]>): Schemas["NodeView"] {
  return {
    node: "n", task: "t", state: "waiting", queue: "q", priority: "normal", upstream: [], attempt: 0, max_attempts: 3, failures: 0, recoveries: 0,
    ready_at_us: null, queued_at_us: null, finished_at_us: null, retry_at_us: null, activity: null, duration_s: null, queue_wait_s: null, map: null, error: null, attempts: [], ...change,
  };
}

const told = (segments: ReturnType<typeof attemptSegments>) => segments.map((one) => [one.kind, one.fromUs / S, one.toUs / S, one.state]);

it("queue wait, work and what lies between attempts are told apart", () => {
  expect(told(attemptSegments([attempt(1, 1, 2, 3, "failed"), attempt(2, 8, 9, 12)]))).toEqual([
    ["wait", 1, 2, "waiting"],
    ["run", 2, 3, "failed"],
    ["backoff", 3, 8, "retrying"],
    ["wait", 8, 9, "waiting"],
    ["run", 9, 12, "succeeded"],
  ]);
});

it("a clock of a worker that is behind draws nothing backwards", () => {
  expect(told(attemptSegments([attempt(1, 5, 4, 4.5)]))).toEqual([
    ["wait", 5, 5, "waiting"],
    ["run", 5, 5, "succeeded"],
  ]);
});

it("an attempt that was lost before anybody saw it start is no bar since 1970", () => {
  const lost = [attempt(1, 5, 0, 9, "lost"), attempt(2, 0, 10, 12, "lost", 3), attempt(3, 0, 0, 20, "lost", 3)];
  expect(lost.flatMap((one) => told(attemptSegments([one])))).toEqual([
    ["wait", 5, 5, "waiting"],
    ["run", 5, 9, "lost"],
    ["wait", 10, 10, "waiting"],
    ["run", 10, 12, "lost"],
    ["wait", 20, 20, "waiting"],
    ["run", 20, 20, "lost"],
  ]);
});

it("what is dispatched is in the queue until a heartbeat says that it is at work", () => {
  const moving = node({ state: "dispatched", attempt: 2, queued_at_us: 10 * S, attempts: [attempt(1, 0, 1, 2, "failed")] });
  expect(told(segmentsOf(moving, new Map(), 14 * S)).slice(2)).toEqual([
    ["backoff", 2, 10, "retrying"],
    ["wait", 10, 14, "waiting"],
  ]);
  const held = new Map([[heldKey("n", null, 2), 11 * S]]);
  expect(told(segmentsOf(moving, held, 14 * S)).slice(3)).toEqual([
    ["wait", 10, 11, "waiting"],
    ["run", 11, 14, "running"],
  ]);
});

it("a map is one bar, and its items have theirs", () => {
  const map = { total: 3, done: 1, in_motion: 2, retrying: 0, running: 0 };
  expect(told(segmentsOf(node({ state: "mapping", map, ready_at_us: S }), new Map(), 4 * S))).toEqual([["map", 1, 4, "mapping"]]);
  expect(byItem([attempt(1, 0, 1, 2, "failed", 2), attempt(1, 0, 1, 2, "succeeded", 0), attempt(2, 3, 4, 5, "succeeded", 2)]).map(([item, all]) => [item, all.length])).toEqual([
    [0, 1],
    [2, 2],
  ]);
});
