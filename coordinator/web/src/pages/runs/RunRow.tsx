import { Link } from "@tanstack/react-router";
import { memo } from "react";

import { StateIcon } from "~/design/State";
import { lookOf } from "~/design/states";
import { useRun } from "~/live/runs";
import { Time } from "~/time/Time";
import { nowUs } from "~/time/now";
import { ProgressBar, progressText } from "~/ui/Progress";
import { GridRow, type RowPlace } from "~/ui/RowGrid";
import { Took } from "~/ui/Took";

import classes from "./RunList.module.css";
import { type RunsFilter, matches } from "./search";

/** A run. It reads itself from the store, so that a change redraws this row and no other. */
export const RunRow = memo(function RunRow({ filter, ...place }: RowPlace & { filter: RunsFilter }) {
  const runId = place.id;
  const run = useRun(runId);
  if (!run) return null;
  return (
    <GridRow place={place} left={!matches(run, filter, nowUs())}>
      <span role="gridcell" data-column="State" className={classes.state}>
        <StateIcon state={run.state} />
        <span>{lookOf(run.state).label}</span>
      </span>
      <span role="gridcell" data-column="Workflow" className={classes.workflow}>
        <Link to="/runs/$runId" params={{ runId }} tabIndex={-1}>
          {run.workflow}
        </Link>
        <span className={classes.why}>{run.error?.message ?? run.activity?.text ?? ""}</span>
      </span>
      <span role="gridcell" data-column="Run" className={classes.id} title={runId}>
        {runId}
      </span>
      <span role="gridcell" data-column="Started by" className={classes.trigger}>
        {run.trigger}
      </span>
      <span role="gridcell" data-column="Progress" className={classes.progress} title={progressText(run)}>
        <ProgressBar run={run} />
        {run.progress?.succeeded ?? run.nodes_done}/{run.nodes_total}
      </span>
      <span role="gridcell" data-column="Duration">
        <Took run={run} />
      </span>
      <span role="gridcell" data-column="Created">
        <Time us={run.created_at_us} />
      </span>
    </GridRow>
  );
});
