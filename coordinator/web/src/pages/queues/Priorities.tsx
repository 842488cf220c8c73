import type { ReactNode } from "react";

import { Time } from "~/time/Time";

import type { Queue } from "./queues";

const COLUMNS: readonly (readonly [title: string, means: string])[] = [
  ["Pending", "Tasks that no worker has"],
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
      {[queue.pending, queue.in_flight, queue.redelivered, queue.waiting ?? 0, queue.workers, queue.slots].map((value, index) => (
        <td key={COLUMNS[index]?.[0]} data-number data-zero={value === 0 || undefined}>
          {value.toLocaleString("en")}
        </td>
      ))}
      <td data-number data-zero>
        {queue.last_delivered_us == null ? "never" : <Time us={queue.last_delivered_us} />}
      </td>
    </tr>
  );
}

export const Priorities = { Head, Row };
