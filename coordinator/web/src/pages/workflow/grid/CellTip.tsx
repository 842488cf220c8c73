import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { api, data } from "~/api/client";
import { StateBadge } from "~/design/State";
import { lookOf } from "~/design/states";
import { duration, relative } from "~/time/format";
import { Time } from "~/time/Time";
import { nowUs } from "~/time/now";

import classes from "./Grid.module.css";
import type { Scene, Sizes, Spot, View } from "./draw";

type Given = Omit<Scene, "hover">;

interface Props {
  scene: Given;
  spot: Spot;
  sizes: Sizes;
  view: View;
}

const DWELL_MS = 200;
const WIDTH = 250;

/** What a cell is, beside it. Its attempts are asked for when one stays on it. */
export function CellTip({ scene, spot, sizes, view }: Props) {
  const cell = cellOf(scene, spot);
  const attempt = useAttempt(cell?.run.run_id, cell?.node);
  if (!cell) return null;
  const { run, node, state, tookMs } = cell;
  const x = sizes.label + (spot.column + 1) * sizes.column - view.left + 6;
  const y = spot.row < 0 ? sizes.head - 10 : sizes.head + spot.row * sizes.row - view.top;
  const left = x + WIDTH > view.width ? Math.max(4, x - WIDTH - sizes.column - 12) : x;
  const style = y > view.height - 130 ? { left, bottom: Math.max(4, view.height - y - sizes.row) } : { left, top: Math.max(4, y) };
  return (
    <div className={classes.tip} style={{ ...style, width: WIDTH }} aria-hidden="true">
      <p className={classes.tipName}>{node ?? "Run"}</p>
      {state === null ? <p className={classes.muted}>This run's version has no such node.</p> : <StateBadge state={state} />}
      <dl className={classes.tipFacts}>
        {tookMs !== null && (
          <div>
            <dt>Duration</dt>
            <dd>{duration(tookMs * 1000)}</dd>
          </div>
        )}
        {node !== undefined && attempt !== "" && (
          <div>
            <dt>Attempt</dt>
            <dd>{attempt}</dd>
          </div>
        )}
        <div>
          <dt>Created</dt>
          <dd>
            <Time us={run.created_at_us} />
          </dd>
        </div>
        <div>
          <dt>Started by</dt>
          <dd>{run.trigger}</dd>
        </div>
        <div>
          <dt>Run</dt>
          <dd>
            <code>{run.run_id.slice(0, 10)}</code>
          </dd>
        </div>
      </dl>
    </div>
  );
}

/** The same for who does not see it. */
export function spoken(scene: Given, spot: Spot): string {
  const cell = cellOf(scene, spot);
  if (!cell) return "";
  const { run, node, state, tookMs } = cell;
  const took = tookMs === null ? "" : `, ${duration(tookMs * 1000)}`;
  return `${node ?? "run"}: ${state === null ? "not in this version" : lookOf(state).label}${took}; run of ${relative(run.created_at_us, nowUs())}, ${spot.column + 1} of ${scene.columns.length}`;
}

function cellOf({ columns, rows, nodes }: Given, { column, row }: Spot) {
  const found = columns[column];
  if (!found) return null;
  if (row < 0) return { run: found.run, node: undefined, state: found.run.state, tookMs: found.run.duration_s * 1000 };
  const at = rows[row] ?? -1;
  return { run: found.run, node: nodes[at], state: found.states[at] ?? null, tookMs: found.durationsMs[at] ?? null };
}

/** Which attempt of the node it was; the grid itself does not say. */
function useAttempt(runId: string | undefined, node: string | undefined): string {
  const [stays, setStays] = useState<string>();
  useEffect(() => {
    const timer = setTimeout(() => setStays(runId), DWELL_MS);
    return () => clearTimeout(timer);
  }, [runId]);
  const query = useQuery({
    queryKey: ["run", runId],
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: runId ?? "" } }, signal })),
    enabled: runId !== undefined && node !== undefined && stays === runId,
  });
  const found = query.data?.nodes.find((one) => one.node === node);
  return found && found.attempt > 0 ? `${found.attempt}${found.max_attempts > 1 ? ` of ${found.max_attempts}` : ""}` : "";
}
