import { Button, Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { isState } from "~/design/states";
import { Time } from "~/time/Time";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { JsonTree } from "~/ui/JsonTree";
import { Bar } from "~/ui/Page";

import { End } from "../parts/End";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { useChange } from "../useChange";
import classes from "./History.module.css";
import { detailOf, titleOf } from "./sentences";
import { type Entry, useHistory } from "./useHistory";

const route = getRouteApi("/runs/$runId");

/** What started the run, and all that happened to it since. */
export function HistoryTab() {
  const { runId } = route.useParams();
  const { kind, task } = route.useSearch();
  const change = useChange();
  const { query, entries } = useHistory(runId);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (query.isPending) return <Skeleton label="Reading the history" />;
  const kinds = [...new Set([...entries.map((entry) => entry.event.kind), ...(kind ? [kind] : [])])].sort();
  const nodes = [...new Set([...entries.map((entry) => entry.event.node ?? ""), task ?? ""])].filter(Boolean);
  const rows = entries.filter(({ event }) => (!kind || event.kind === kind) && (!task || event.node === task));
  const toggle = (key: string) => setOpen((old) => (old.has(key) ? new Set([...old].filter((one) => one !== key)) : new Set([...old, key])));
  return (
    <div className={classes.tab}>
      <TriggerEvents runId={runId} />
      <Bar label="History">
        <Select aria-label="What happened" placeholder="Whatever happened" w={190} clearable value={kind ?? null} onChange={(next) => change({ kind: next ?? undefined })} data={kinds.map((value) => ({ value, label: titleOf(value) }))} />
        <Select aria-label="Node" placeholder="Run and all nodes" w={180} searchable clearable limit={200} value={task ?? null} onChange={(next) => change({ task: next ?? undefined })} data={nodes} />
      </Bar>
      {rows.length === 0 ? (
        <Empty icon="filter" title="Nothing fits">
          <button type="button" className={classes.link} onClick={() => change({ kind: undefined, task: undefined })}>
            Show the whole history
          </button>
        </Empty>
      ) : (
        <VirtualTable
          label="History"
          columns={COLUMNS}
          rows={rows}
          rowKey={(entry) => entry.key}
          select={(entry) => toggle(entry.key)}
          expanded={(entry) => open.has(entry.key)}
          below={jsonOf}
          end={
            <End>
              {rows.length.toLocaleString("en")} {rows.length === 1 ? "entry" : "entries"}
              {query.hasNextPage ? (
                <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
                  Show more
                </Button>
              ) : (
                ", that is all"
              )}
            </End>
          }
        />
      )}
    </div>
  );
}

/** The events that started the run, when events did. */
function TriggerEvents({ runId }: { runId: string }) {
  const query = useQuery({
    queryKey: ["run", runId, "events"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/{run_id}/events", { params: { path: { run_id: runId } }, signal })),
  });
  const events = query.data?.events ?? [];
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  return events.map((event) => <TriggerEvent key={event.position} event={event} />);
}

function TriggerEvent({ event }: { event: Schemas["EventView"] }) {
  return (
    <div className={classes.trigger}>
      <details>
        <summary>
          <Icon name="event" size={14} />
          <span>
            Started by event <b>{event.type}</b> from {event.source}, <Time us={event.received_at_us} />
          </span>
        </summary>
        <JsonTree value={event.event} label="event" />
      </details>
      <Link to="/events" search={{ at: String(event.position) }} title={event.event_id}>
        Open the event
      </Link>
    </div>
  );
}

function jsonOf({ position, event }: Entry): ReactNode {
  return <JsonTree value={{ position, ...event }} label="event" />;
}

const COLUMNS: readonly Column<Entry>[] = [
  { title: "What happened", width: "minmax(170px, 1fr)", cell: ({ event }) => <Kind kind={event.kind} /> },
  { title: "When", width: "150px", cell: ({ event }) => <Time us={event.at_us} as="absolute" /> },
  { title: "Node", width: "minmax(100px, 0.8fr)", cell: ({ event }) => event.node && `${event.node}${event.item == null ? "" : `[${event.item}]`}` },
  { title: "Attempt", width: "60px", right: true, cell: ({ event }) => event.attempt || "" },
  { title: "Details", width: "minmax(200px, 3fr)", cell: ({ event }) => detailOf(event) },
];

function Kind({ kind }: { kind: string }) {
  const state = kind.slice(kind.indexOf(".") + 1);
  return (
    <span className={classes.kind}>
      {isState(state) ? <StateIcon state={state} size={12} /> : <span className={classes.dot} aria-hidden="true" />}
      {titleOf(kind)}
    </span>
  );
}
