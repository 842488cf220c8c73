import { describe, expect, it } from "vitest";

import { type Queue, byQueue } from "./queues";

const view = (queue: string, priority: string, more: Partial<Queue>): Queue => ({ queue, priority, pending: 0, in_flight: 0, redelivered: 0, workers: 0, slots: 0, ...more });

describe("queues of several priorities", () => {
  const views = [
    view("default", "high", { pending: 2, oldest_us: 3, workers: 3, slots: 12, last_delivered_us: 5 }),
    view("default", "normal", { pending: 4, oldest_us: 2, in_flight: 1, workers: 3, slots: 12, last_delivered_us: 9 }),
    view("gpu", "normal", { pending: 40, last_delivered_us: null }),
  ];

  it("are one, and what waits most comes first", () => {
    expect(byQueue(views).map(({ name, all }) => [name, all.pending])).toEqual([["gpu", 40], ["default", 6]]);
  });

  it("add up what waits, not the workers that serve each of them", () => {
    const all = byQueue(views)[1]?.all;
    expect([all?.in_flight, all?.workers, all?.slots, all?.last_delivered_us]).toEqual([1, 3, 12, 9]);
  });

  it("have waited as long as the oldest task of any", () => {
    expect(byQueue(views).map(({ all }) => all.oldest_us)).toEqual([null, 2]);
  });

  it("say nothing of a delivery that never was", () => {
    expect(byQueue(views)[0]?.all.last_delivered_us).toBeNull();
  });
});
