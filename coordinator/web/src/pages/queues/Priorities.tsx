import type { ReactNode } from "react";

import { Elapsed, Time } from "~/time/Time";

import type { Queue } from "./queues";

const COLUMNS: readonly (readonly [title: string, means: string])[] = [
  ["Pending", "Tasks that no worker has"],
  ["Oldest wait", "How long the first of them has waited"],
  ["In flight", "Handed to a worker and not answered yet"],
  ["Redelivered", "Handed out once more, because a worker died or fell silent"],
  ["Waiting pulls", "Requests of workers that wait for a task"],
  ["Workers", "Live workers that serve it"],
  ["Slots", "Attempts that they can work on at the same time"],
  ["Last delivered", "When a task was last handed out"],
];

function Head({ first }: { first: string }) {
  return (
    <thead>
      <tr>
        <th scope="col">{first}</th>
        {COLUMNS.map(([title, means]) => (
          <th key={title} scope="col" data-number title={means}>
            {title}
          </th>
        ))}
      </tr>
    </thead>
  );
}

/** The figures of a queue, or of one priority of it. */
function Row({ queue, first, onClick }: { queue: Queue; first: ReactNode; onClick?: () => void }) {
  return (
    <tr onClick={onClick} style={onClick && { cursor: "pointer" }}>
      <th scope="row">{first}</th>
      <Count value={queue.pending} />
      <td data-number data-zero={queue.oldest_us == null || undefined}>{queue.oldest_us == null ? "–" : <Elapsed fromUs={queue.oldest_us} toUs={null} />}</td>
      <Count value={queue.in_flight} />
      <Count value={queue.redelivered} />
      <Count value={queue.waiting ?? 0} />
      <Count value={queue.workers} />
      <Count value={queue.slots} />
      <td data-number data-zero>
        {queue.last_delivered_us == null ? "never" : <Time us={queue.last_delivered_us} />}
      </td>
    </tr>
  );
}

function Count({ value }: { value: number }) {
  return (
    <td data-number data-zero={value === 0 || undefined}>
      {value.toLocaleString("en")}
    </td>
  );
}

export const Priorities = { Head, Row };
