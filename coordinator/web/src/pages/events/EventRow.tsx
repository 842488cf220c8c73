import { Link } from "@tanstack/react-router";
import { memo } from "react";

import { Time } from "~/time/Time";
import { GridRow, type Place, type RowPlace } from "~/ui/RowGrid";
import { brokenIn } from "~/ui/Verdicts";

import classes from "./Events.module.css";
import { type EventView, dataLine } from "./search";

export const EventRow = memo(function EventRow({ event, show, ...place }: RowPlace & { event: EventView; show: Place }) {
  const [first] = event.runs;
  const broken = brokenIn(event.verdicts);
  return (
    <GridRow place={place} onClick={() => show({ at: place.id })}>
      <span role="gridcell" data-column="Received" className={classes.quiet}>
        <Time us={event.received_at_us} />
      </span>
      <span role="gridcell" data-column="Type" className={classes.type}>
        {event.type}
      </span>
      <span role="gridcell" data-column="Source" className={classes.quiet} title={event.source}>
        {event.source}
        {event.subject && ` · ${event.subject}`}
      </span>
      <span role="gridcell" data-column="Data" className={classes.data}>
        {dataLine(event)}
      </span>
      <span role="gridcell" data-column="Runs" className={classes.runs}>
        {event.runs.length === 0 && broken === 0 && <span className={classes.quiet}>none</span>}
        {event.runs.length === 1 && first && (
          <Link to="/runs/$runId" params={{ runId: first }} tabIndex={-1} title={first} onClick={(click) => click.stopPropagation()}>
            1 run
          </Link>
        )}
        {event.runs.length > 1 && `${event.runs.length} runs`}
        {broken > 0 && (
          <span className={classes.broken} title="Triggers that failed on the event">
            {event.runs.length > 0 && ", "}
            {broken} broken
          </span>
        )}
      </span>
    </GridRow>
  );
});
