import { Link } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import type { RunSummary } from "~/live/frames";
import { useKnownRuns } from "~/live/runs";
import { Command } from "~/ui/Command";
import { Card, Nothing } from "~/ui/Card";
import { progressText } from "~/ui/Progress";
import { RunLines } from "~/ui/RunLines";

import classes from "./Overview.module.css";
import { useStocked } from "./useOverview";

const SHOWN = 10;

const isRunning = (run: RunSummary) => run.state === "running";
const any = () => true;

/** What runs, the longest first: that is what one asks about. */
export function RunningNow({ total }: { total: Schemas["RunCount"] }) {
  const read = useStocked("running", null);
  const running = useKnownRuns(isRunning).toReversed();
  const count = Math.max(total.count, running.length);
  return (
    <Card
      title="Running now"
      className={classes.half}
      aside={
        count > SHOWN && (
          <Link to="/runs" search={{ state: ["running"] }} className={classes.more}>
            All {count.toLocaleString("en")}
            {total.more && "+"}
          </Link>
        )
      }
    >
      {running.length === 0 && !read.isPending && <Nothing>Nothing runs at the moment.</Nothing>}
      <RunLines runs={running.slice(0, SHOWN)} detail={progress} />
    </Card>
  );
}

function progress(run: RunSummary): string {
  return [progressText(run), run.activity?.text].filter(Boolean).join(", ");
}

export function RecentRuns({ known, workflow }: { known: number; workflow: string }) {
  const recent = useKnownRuns(any);
  return (
    <Card
      title="Recent runs"
      className={classes.half}
      aside={
        <Link to="/runs" className={classes.more}>
          All runs
        </Link>
      }
    >
      {recent.length === 0 && known === 0 && (
        <Nothing>
          <p>No run yet. Start one:</p>
          <Command text={`headrace run ${workflow} -p name=value`} />
        </Nothing>
      )}
      <RunLines runs={recent.slice(0, SHOWN)} />
    </Card>
  );
}
