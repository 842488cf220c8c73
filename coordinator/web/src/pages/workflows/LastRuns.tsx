import { Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { StateIcon } from "~/design/State";
import { lookOf } from "~/design/states";
import type { RunSummary } from "~/live/frames";
import { duration, relative } from "~/time/format";
import { nowUs } from "~/time/now";

import classes from "./Workflows.module.css";

/** The last runs as marks, the newest at the right; each leads to its run. */
export function LastRuns({ runs }: { runs: readonly RunSummary[] }) {
  if (runs.length === 0) return <span className={classes.muted}>never ran</span>;
  return (
    <span className={classes.marks}>
      {runs.toReversed().map((run) => (
        <Tooltip key={run.run_id} label={wordsOf(run)} multiline maw={320}>
          <Link to="/runs/$runId" params={{ runId: run.run_id }} className={classes.mark} aria-label={wordsOf(run)}>
            <StateIcon state={run.state} />
          </Link>
        </Tooltip>
      ))}
    </span>
  );
}

function wordsOf(run: RunSummary): string {
  const took = run.finished_at_us === null ? "" : `, took ${duration(run.finished_at_us - run.created_at_us - run.idle_s * 1e6)}`;
  return `${lookOf(run.state).label}, ${relative(run.created_at_us, nowUs())}${took}${run.error ? `: ${run.error.message}` : ""}`;
}
