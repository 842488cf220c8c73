import { BaseEdge, type Edge, type EdgeProps } from "@xyflow/react";
import { memo } from "react";

import type { Place } from "./layered";

export type Routed = Edge<{ way: readonly Place[] }, "routed">;

/** A line through the places that the layout gives it, bent softly between them. */
export const RoutedEdge = memo(function RoutedEdge({ id, sourceX, sourceY, targetX, targetY, data }: EdgeProps<Routed>) {
  const points = [{ x: sourceX, y: sourceY }, ...(data?.way ?? []), { x: targetX, y: targetY }];
  return <BaseEdge id={id} path={pathThrough(points)} />;
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
