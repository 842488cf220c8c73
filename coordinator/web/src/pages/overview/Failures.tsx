import { Link } from "@tanstack/react-router";
import { useCallback, useMemo } from "react";

import { StateIcon } from "~/design/State";
import { type RunSummary } from "~/live/frames";
import { useKnownRuns } from "~/live/runs";
import { Time } from "~/time/Time";
import { nowUs } from "~/time/now";
import { Card, Nothing } from "~/ui/Card";
import { firstLine } from "~/ui/RunLines";

import classes from "./Overview.module.css";
import { type FailureGroup, groupFailures } from "./groups";
import type { WindowName } from "./search";
import { useStocked } from "./useOverview";

const GROUPS = 8;
const ERRORS = 3;

/** What failed, by workflow and by what it said. */
export function Failures({ window, windowS, total }: { window: WindowName; windowS: number; total: number }) {
  const fromUs = useMemo(() => Math.floor(nowUs() / 60e6) * 60e6 - windowS * 1e6, [windowS]);
  const read = useStocked("failed", fromUs);
  const failed = useKnownRuns(useCallback((run: RunSummary) => run.state === "failed" && run.created_at_us >= fromUs, [fromUs]));
  const groups = groupFailures(failed, firstLine);
  const more = groups.length - GROUPS;
  return (
    <Card
      title="Failures"
      className={classes.wide}
      aside={
        total + failed.length > 0 && (
          <Link to="/runs" search={{ state: ["failed"], range: window }} className={classes.more}>
            All {Math.max(total, failed.length).toLocaleString("en")}
          </Link>
        )
      }
    >
      {groups.length === 0 && !read.isPending && <Nothing>No run has failed in this window.</Nothing>}
      <ul className={classes.failures}>
        {groups.slice(0, GROUPS).map((group) => (
          <Group key={group.workflow} group={group} window={window} capped={read.data?.more ?? false} />
        ))}
      </ul>
      {more > 0 && <Nothing>… and {more} more workflows.</Nothing>}
    </Card>
  );
}

function Group({ group, window, capped }: { group: FailureGroup; window: WindowName; capped: boolean }) {
  return (
    <li>
      <div className={classes.failureHead}>
        <StateIcon state="failed" label />
        <Link to="/runs" search={{ workflow: group.workflow, state: ["failed"], range: window }} className={classes.failureName}>
          {group.workflow}
        </Link>
        <span className={classes.quiet}>
          {group.count}
          {capped && "+"} failed, last <Time us={group.newest.finished_at_us ?? group.newest.created_at_us} />
        </span>
      </div>
      <ul>
        {group.errors.slice(0, ERRORS).map(({ line, count, run }) => (
          <li key={line} className={classes.error}>
            <Link to="/runs/$runId" params={{ runId: run.run_id }} title={run.error?.message ?? ""}>
              {line || "It did not say why."}
            </Link>
            {count > 1 && <span className={classes.quiet}>×{count}</span>}
          </li>
        ))}
      </ul>
    </li>
  );
}
