import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, data } from "~/api/client";
import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { useLive } from "~/live/live";
import { useRun } from "~/live/runs";
import { Time } from "~/time/Time";
import { Failure, Skeleton } from "~/ui/Feedback";
import { Json } from "~/ui/Json";
import { Fact, Facts, Section, SidePanel } from "~/ui/Panel";
import { Verdicts } from "~/ui/Verdicts";

import classes from "./Events.module.css";
import type { Draft } from "./PublishDialog";
import type { EventView, EventsFilter } from "./search";

interface Props {
  position: string;
  /** What the list knows already. */
  known: EventView | undefined;
  onClose: () => void;
  publish: (draft: Draft) => void;
  filter: (change: EventsFilter) => void;
}

/** One event: what it says, and what it started. */
export function EventPanel({ position, known, onClose, publish, filter }: Props) {
  const query = useQuery({
    queryKey: ["event", position],
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/{position}", { params: { path: { position: Number(position) } }, signal })),
  });
  useLive("topics=runs");
  const event = query.data ?? known;
  return (
    <SidePanel title={event?.type ?? "Event"} label={`Event ${event?.event_id ?? position}`} onClose={onClose}>
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {!event && query.isPending && <Skeleton rows={6} />}
      {event && (
        <>
          <Facts>
            <Fact name="Id">
              <code>{event.event_id}</code>
            </Fact>
            <Fact name="Source">
              <button type="button" className={classes.narrow} title="Only events of this source" onClick={() => filter({ source: event.source })}>
                {event.source}
              </button>
            </Fact>
            {event.subject && <Fact name="Subject">{event.subject}</Fact>}
            <Fact name="Received">
              <Time us={event.received_at_us} as="absolute" /> (<Time us={event.received_at_us} as="relative" />)
            </Fact>
          </Facts>
          <Section title="What its triggers made of it">
            {event.verdicts.length === 0 && <p className={classes.quiet}>No trigger listened to the type {event.type} when the event came.</p>}
            <Verdicts verdicts={event.verdicts} />
          </Section>
          <Section title="Runs it started">
            {event.runs.length === 0 && <p className={classes.quiet}>None.</p>}
            <ul className={classes.started}>
              {event.runs.map((runId) => (
                <Started key={runId} runId={runId} read={query.data?.started.find((one) => one.run_id === runId)} />
              ))}
            </ul>
            {event.runs.length > 1 && (
              <Link to="/runs" search={{ event: event.event_id }}>
                All of them in the list of runs
              </Link>
            )}
          </Section>
          <Section title="CloudEvent">
            <Json value={event.event} label="CloudEvent" />
            <div>
              <Button onClick={() => publish({ type: event.type, source: event.source, subject: event.subject, data: dataOf(event.event) })} leftSection={<Icon name="plus" size={14} />}>
                Publish one like it…
              </Button>
            </div>
          </Section>
        </>
      )}
    </SidePanel>
  );
}

function Started({ runId, read }: { runId: string; read: { state: "running" | "failed" | "succeeded" | "cancelled"; workflow: string } | undefined }) {
  // What the stream told is newer than what was read.
  const run = useRun(runId) ?? read;
  return (
    <li>
      {run && <StateIcon state={run.state} label />}
      <Link to="/runs/$runId" params={{ runId }}>
        {run?.workflow ?? runId}
      </Link>
      {run && <code className={classes.quiet}>{runId}</code>}
    </li>
  );
}

function dataOf(event: unknown): unknown {
  return typeof event === "object" && event !== null && "data" in event ? event.data : undefined;
}
