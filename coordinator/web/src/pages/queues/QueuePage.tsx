import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { type Schemas, api, data } from "~/api/client";
import { useQueues, useWorkers } from "~/live/fleet";
import { byState } from "~/pages/workers/WorkerState";
import { WorkerTable } from "~/pages/workers/WorkerTable";
import { Elapsed } from "~/time/Time";
import { duration } from "~/time/format";
import { Failure, Skeleton } from "~/ui/Feedback";
import { Body, Page } from "~/ui/Page";
import { Card, Nothing } from "~/ui/Card";
import table from "~/ui/DataTable.module.css";

import { Priorities } from "./Priorities";
import { Trouble, Unserved } from "./Unserved";
import classes from "./Queues.module.css";
import { sums } from "./queues";

const route = getRouteApi("/queues/$name");
const WAITS_ANEW_MS = 10_000;

/** One queue: what waits in it, who comes for it, and which workflows put it there. */
export function QueuePage() {
  const { name } = route.useParams();
  const query = useQuery({
    queryKey: ["queue", name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/queues/{queue}", { params: { path: { queue: name } }, signal })),
    refetchInterval: WAITS_ANEW_MS,
  });
  const heading = (
    <>
      <Link to="/queues">Queues</Link>
      <span className={classes.quiet} aria-hidden="true">
        /
      </span>
      {name}
    </>
  );
  return (
    <Page title={`Queue ${name}`} heading={heading}>
      <Body>
        {query.isPending && <Skeleton />}
        {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
        {query.isSuccess && <Detail name={name} found={query.data} />}
      </Body>
    </Page>
  );
}

function Detail({ name, found }: { name: string; found: Schemas["QueueDetail"] }) {
  const queues = useQueues();
  const workers = useWorkers();
  const live = queues.data?.queues.filter((one) => one.queue === name) ?? [];
  const priorities = live.length > 0 ? live : found.priorities;
  const all = sums(priorities);
  const serving = (workers.data?.workers ?? found.workers).filter((one) => one.queues.includes(name)).toSorted(byState);
  return (
    <div className={classes.detail}>
      {all.pending > 0 && all.workers === 0 && <Unserved queue={name} pending={all.pending} />}
      {priorities.map((one) => one.trouble && <Trouble key={one.priority} text={one.trouble} />)}
      <dl className={classes.figures}>
        <Figure name="Pending" value={all.pending.toLocaleString("en")} />
        <Figure name="Of these in line" value={(all.line ?? 0).toLocaleString("en")} />
        <Figure name="Oldest wait" value={all.oldest_us == null ? "–" : <Elapsed fromUs={all.oldest_us} toUs={null} />} />
        <Figure name="In flight" value={all.in_flight.toLocaleString("en")} />
        <Figure name="Redelivered" value={all.redelivered.toLocaleString("en")} />
        <Figure name="Waiting pulls" value={(all.waiting ?? 0).toLocaleString("en")} />
        <Figure name="Wait p50, last hour" value={seconds(found.wait.p50_s)} />
        <Figure name="Wait p95, last hour" value={seconds(found.wait.p95_s)} />
        <Figure name="Tasks, last hour" value={found.wait.count.toLocaleString("en")} />
      </dl>
      <Card title="Priorities" aside={<span className={classes.quiet}>workers ask the higher ones first</span>}>
        <div className={table.wrap}>
          <table className={`${table.table} ${table.inPanel} ${classes.table}`}>
            <Priorities.Head first="Priority" />
            <tbody>
              {priorities.map((one) => (
                <Priorities.Row key={one.priority} queue={one} first={one.priority} />
              ))}
            </tbody>
          </table>
        </div>
      </Card>
      <Card title="Workers" className={classes.inPanel} aside={<span className={classes.quiet}>{serving.length}</span>}>
        {serving.length > 0 ? <WorkerTable workers={serving} /> : <Nothing>No worker serves this queue.</Nothing>}
      </Card>
      <Card title="Used by" aside={<span className={classes.quiet}>{found.used_by.length === 1 ? "1 workflow" : `${found.used_by.length} workflows`}</span>}>
        {found.used_by.length === 0 && <Nothing>No workflow that is deployed now uses this queue.</Nothing>}
        <ul className={classes.uses}>
          {found.used_by.map((one) => (
            <li key={one.workflow}>
              <Link to="/workflows/$name/graph" params={{ name: one.workflow }}>
                {one.workflow}
              </Link>
              <span className={classes.quiet}>{one.nodes.join(", ")}</span>
            </li>
          ))}
        </ul>
      </Card>
    </div>
  );
}

function Figure({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function seconds(value: number | null): string {
  return value === null ? "–" : duration(value * 1e6);
}
