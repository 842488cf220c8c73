import { Link } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import { useQueues } from "~/live/fleet";
import { byQueue } from "~/pages/queues/queues";
import { duration } from "~/time/format";
import { Command } from "~/ui/Command";
import { Card, Nothing } from "~/ui/Card";
import table from "~/ui/DataTable.module.css";

import classes from "./Overview.module.css";

/** What waits in each queue, and how long tasks have waited there. */
export function Backlog({ waits }: { waits: Schemas["Overview"]["queue_wait"] }) {
  const query = useQueues();
  const queues = byQueue(query.data?.queues ?? []);
  const unserved = queues.find(({ all }) => all.pending > 0 && all.workers === 0);
  const wait = new Map(waits.map((one) => [one.queue, one]));
  return (
    <Card title="Backlog" className={classes.narrow}>
      {query.isSuccess && queues.length === 0 && <Nothing>No queue yet: they come with the workflows that use them.</Nothing>}
      {queues.length > 0 && (
        <div className={table.wrap}>
          <table className={`${table.table} ${table.inPanel}`}>
            <thead>
              <tr>
                <th scope="col">Queue</th>
                <th scope="col" data-number>
                  Pending
                </th>
                <th scope="col" data-number>
                  In flight
                </th>
                <th scope="col" data-number title="Half of the tasks waited shorter, in this window">
                  Wait p50
                </th>
                <th scope="col" data-number title="95 of 100 tasks waited shorter, in this window">
                  p95
                </th>
              </tr>
            </thead>
            <tbody>
              {queues.map(({ name, all }) => (
                <tr key={name}>
                  <th scope="row">
                    <Link to="/queues/$name" params={{ name }}>
                      {name}
                    </Link>
                  </th>
                  <td data-number data-zero={all.pending === 0 || undefined}>
                    {all.pending.toLocaleString("en")}
                  </td>
                  <td data-number data-zero={all.in_flight === 0 || undefined}>
                    {all.in_flight.toLocaleString("en")}
                  </td>
                  <td data-number>{seconds(wait.get(name)?.p50_s)}</td>
                  <td data-number>{seconds(wait.get(name)?.p95_s)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {unserved && (
        <div className={classes.unserved}>
          <p>
            No worker serves <b>{unserved.name}</b>. Start one:
          </p>
          <Command text={`headrace worker FILE_OR_MODULE --queues ${unserved.name}`} />
        </div>
      )}
    </Card>
  );
}

function seconds(value: number | null | undefined): string {
  return value == null ? "–" : duration(value * 1e6);
}
