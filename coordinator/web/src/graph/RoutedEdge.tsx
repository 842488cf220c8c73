import { BaseEdge, type Edge, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

import classes from "./Flow.module.css";
import type { Place } from "./layered";

/** What became of an edge between two versions. */
export type Mark = "added" | "removed";
const SIGNS: Record<Mark, string> = { added: "+", removed: "−" };

export type Routed = Edge<{ way: readonly Place[]; mark?: Mark | undefined }, "routed">;

/** A line through the places that the layout gives it, bent softly between them. */
export const RoutedEdge = memo(function RoutedEdge({ id, sourceX, sourceY, targetX, targetY, data }: EdgeProps<Routed>) {
  const points = [{ x: sourceX, y: sourceY }, ...(data?.way ?? []), { x: targetX, y: targetY }];
  const mark = data?.mark;
  if (!mark) return <BaseEdge id={id} path={pathThrough(points)} />;
  const middle = middleOf(points);
  return (
    <g className={classes.marked} data-mark={mark}>
      <BaseEdge id={id} path={pathThrough(points)} />
      <circle cx={middle.x} cy={middle.y} r={8} />
      <text x={middle.x} y={middle.y}>
        {SIGNS[mark]}
      </text>
    </g>
  );
});

export function pathThrough(points: readonly Place[]): string {
  const [first, ...others] = points;
  if (first === undefined) return "";
  let path = `M${first.x},${first.y}`;
  let from = first;
  for (const to of others) {
    const middle = (from.x + to.x) / 2;
    path += Math.abs(to.y - from.y) < 1 ? `L${to.x},${to.y}` : `C${middle},${from.y} ${middle},${to.y} ${to.x},${to.y}`;
    from = to;
  }
  return path;
}

function middleOf(points: readonly Place[]): Place {
  const after = Math.ceil(points.length / 2);
  const [one, other] = [points[after - 1], points[after]];
  return one && other ? { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 } : (one ?? { x: 0, y: 0 });
}
