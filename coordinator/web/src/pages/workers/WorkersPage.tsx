import { Select } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";

import { useWorkers } from "~/live/fleet";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Meter } from "~/ui/Meter";
import { Bar, Body, Page } from "~/ui/Page";

import { byState, serves } from "./WorkerState";
import { WorkerTable } from "./WorkerTable";
import classes from "./Workers.module.css";

const route = getRouteApi("/workers");
const START = "headrace worker FILE_OR_MODULE";

/** Who works, on what, and who has fallen silent. */
export function WorkersPage() {
  const { queue, at } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useWorkers();
  const all = query.data?.workers ?? [];
  const shown = all.filter((one) => !queue || one.queues.includes(queue)).toSorted(byState);
  const serving = shown.filter((one) => serves(one.state));
  const queues = [...new Set([...all.flatMap((one) => one.queues), ...(queue ? [queue] : [])])].sort();
  return (
    <Page title="Workers">
      {query.isSuccess && all.length > 0 && (
        <Bar label="Filters">
          <Select
            aria-label="Queue"
            placeholder="Any queue"
            w={170}
            clearable
            value={queue ?? null}
            onChange={(chosen) => void navigate({ search: (old) => ({ ...old, queue: chosen ?? undefined }), replace: true })}
            data={queues}
          />
          <span className={classes.sum}>
            {serving.length} of {shown.length} live
          </span>
          <span className={classes.sum}>
            <Meter used={serving.reduce((sum, one) => sum + one.held.length, 0)} total={serving.reduce((sum, one) => sum + one.slots, 0)} label="slots in use" /> slots
          </span>
        </Bar>
      )}
      <Body>
        {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Skeleton />}
        {query.isSuccess && shown.length === 0 && (
          <Empty icon="worker" title={queue ? `No worker serves the queue ${queue}` : "No worker yet"} command={queue ? `${START} --queues ${queue}` : START}>
            A worker runs the tasks of your files. It appears here with its first heartbeat, and needs no more than the address of NATS.
          </Empty>
        )}
        {shown.length > 0 && <WorkerTable workers={shown} at={at} unfold={(worker) => void navigate({ search: (old) => ({ ...old, at: worker }), replace: true })} />}
      </Body>
    </Page>
  );
}
