import type { Schemas } from "~/api/client";

export type Queue = Schemas["QueueView"];

export interface NamedQueue {
  name: string;
  priorities: Queue[];
  all: Queue;
}

/** The priorities of each queue together. */
export function byQueue(views: readonly Queue[]): NamedQueue[] {
  const groups = Map.groupBy(views, (one) => one.queue);
  return [...groups].map(([name, priorities]) => ({ name, priorities, all: sums(priorities) })).toSorted((a, b) => b.all.pending - a.all.pending || (a.name < b.name ? -1 : 1));
}

/** What waits and moves in all priorities; the same workers serve each of them. */
export function sums(priorities: readonly Queue[]): Queue {
  const sum = (of: (one: Queue) => number) => priorities.reduce((total, one) => total + of(one), 0);
  return {
    queue: priorities[0]?.queue ?? "",
    priority: priorities.map((one) => one.priority).join(", "),
    pending: sum((one) => one.pending),
    line: sum((one) => one.line ?? 0),
    bound: sum((one) => one.bound ?? 0),
    in_flight: sum((one) => one.in_flight),
    redelivered: sum((one) => one.redelivered),
    waiting: sum((one) => one.waiting ?? 0),
    workers: Math.max(0, ...priorities.map((one) => one.workers)),
    slots: Math.max(0, ...priorities.map((one) => one.slots)),
    last_delivered_us: latest(priorities.map((one) => one.last_delivered_us)),
    oldest_us: earliest(priorities.map((one) => one.oldest_us)),
    last_acked_us: latest(priorities.map((one) => one.last_acked_us)),
  };
}

function latest(times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((one) => one != null);
  return known.length > 0 ? Math.max(...known) : null;
}

function earliest(times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((one) => one != null);
  return known.length > 0 ? Math.min(...known) : null;
}
