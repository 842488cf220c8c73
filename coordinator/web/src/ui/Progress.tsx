import type { Schemas } from "~/api/client";
import { hueOf } from "~/design/State";

import classes from "./Progress.module.css";

type Run = Pick<Schemas["RunSummary"], "state" | "progress" | "nodes_done" | "nodes_total">;

/** How the nodes of a run stand, as a bar: succeeded, failed, never ran. An older version counted only their ends. */
export function ProgressBar({ run }: { run: Run }) {
  const share = (count: number) => `${(100 * count) / Math.max(1, run.nodes_total)}%`;
  const { progress } = run;
  return (
    <span className={classes.track} aria-hidden="true">
      {progress === null ? (
        <span style={{ ...hueOf(run.state), width: share(run.nodes_done) }} />
      ) : (
        <>
          <span style={{ ...hueOf("succeeded"), width: share(progress.succeeded) }} />
          <span style={{ ...hueOf("failed"), width: share(progress.failed) }} />
          <span style={{ ...hueOf("waiting"), width: share(progress.not_run) }} />
        </>
      )}
    </span>
  );
}

/** The same in words. */
export function progressText({ progress, nodes_done, nodes_total }: Run): string {
  if (progress === null) return `${nodes_done}/${nodes_total}`;
  const parts = [`${progress.succeeded}/${nodes_total}`];
  if (progress.failed > 0) parts.push(`${progress.failed} failed`);
  if (progress.not_run > 0) parts.push(`${progress.not_run} not run`);
  return parts.join(", ");
}
