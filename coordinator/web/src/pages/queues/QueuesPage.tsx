import { Link, useNavigate } from "@tanstack/react-router";

import { useQueues } from "~/live/fleet";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Body, Page } from "~/ui/Page";
import table from "~/ui/DataTable.module.css";

import { Priorities } from "./Priorities";
import { Unserved } from "./Unserved";
import classes from "./Queues.module.css";
import { byQueue, sums } from "./queues";

/** What waits where, and whether somebody comes for it. */
export function QueuesPage() {
  const query = useQueues();
  const navigate = useNavigate();
  const queues = byQueue(query.data?.queues ?? []);
  const unserved = queues.filter(({ all }) => all.pending > 0 && all.workers === 0);
  return (
    <Page title="Queues">
      <Body>
        {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
        {query.isPending && <Skeleton />}
        {query.isSuccess && queues.length === 0 && (
          <Empty icon="queue" title="No queue yet" command="headrace deploy FILE_OR_MODULE">
            A queue is there when a deployed workflow uses it, or a worker serves it. Tasks without one wait in <code>default</code>.
          </Empty>
        )}
        {unserved.map(({ name, all }) => (
          <Unserved key={name} queue={name} pending={all.pending} />
        ))}
        {queues.length > 0 && (
          <div className={table.wrap}>
            <table className={`${table.table} ${table.hovers} ${classes.table}`}>
              <Priorities.Head first="Queue" />
              <tbody>
                {queues.map(({ name, priorities, all }) => (
                  <Priorities.Row
                    key={name}
                    queue={sums(priorities)}
                    onClick={() => void navigate({ to: "/queues/$name", params: { name } })}
                    first={
                      <>
                        <Link to="/queues/$name" params={{ name }}>
                          {name}
                        </Link>
                        {priorities.length > 1 && <span className={classes.quiet}> {priorities.map((one) => one.priority).join(", ")}</span>}
                        {all.pending > 0 && all.workers === 0 && <span className={classes.alarm}>no worker</span>}
                      </>
                    }
                  />
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Body>
    </Page>
  );
}
