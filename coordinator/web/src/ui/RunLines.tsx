import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { StateIcon } from "~/design/State";
import type { RunSummary } from "~/live/frames";
import { Time } from "~/time/Time";

import { Took } from "./Took";
import classes from "./RunLines.module.css";

/** A few runs in a panel, one a line. */
export function RunLines({ runs, detail }: { runs: readonly RunSummary[]; detail?: (run: RunSummary) => ReactNode }) {
  return (
    <ul className={classes.lines}>
      {runs.map((run) => (
        <li key={run.run_id} className={classes.line}>
          <StateIcon state={run.state} label />
          <Link to="/runs/$runId" params={{ runId: run.run_id }} title={run.run_id} className={classes.workflow}>
            {run.workflow}
          </Link>
          <span className={classes.detail}>{detail ? detail(run) : run.trigger}</span>
          <span className={classes.number}>
            <Took run={run} />
          </span>
          <span className={classes.when}>
            <Time us={run.created_at_us} />
          </span>
        </li>
      ))}
    </ul>
  );
}

export function firstLine(text: string | undefined): string {
  return text?.trim().split("\n", 1)[0] ?? "";
}
