import { ViewportPortal } from "@xyflow/react";
import { memo, useMemo } from "react";

import classes from "./Flow.module.css";
import { type Layout, NODE, type Place, type Shape, edgeId } from "./layered";

/** What became of an edge between two versions. */
export type Mark = "added" | "removed";
const SIGNS: Record<Mark, string> = { added: "+", removed: "−" };

interface Props {
  shape: Shape;
  layout: Layout;
  marks: ReadonlyMap<string, Mark> | undefined;
  selected: string | undefined;
}

/**
 * Every edge, from node to node through the places that the layout gives it, bent softly between them. All that look
 * alike are one path: thousands of edges cost no more than one element.
 */
export const Edges = memo(function Edges({ shape, layout, marks, selected }: Props) {
  const edges = useMemo(() => placed(shape, layout), [shape, layout]);
  const plain = useMemo(() => edges.filter(({ id }) => !marks?.has(id)).map(pathOf).join(""), [edges, marks]);
  const lit = edges.filter(({ source, target }) => selected !== undefined && (source === selected || target === selected));
  return (
    <ViewportPortal>
      <svg className={classes.edges} aria-hidden="true">
        <path d={plain} className={classes.edge} />
        {lit.length > 0 && <path d={lit.map(pathOf).join("")} className={classes.lit} />}
        {marks && edges.map((edge) => (marks.has(edge.id) ? <MarkedEdge key={edge.id} edge={edge} mark={marks.get(edge.id) ?? "added"} /> : null))}
      </svg>
    </ViewportPortal>
  );
});

function MarkedEdge({ edge, mark }: { edge: PlacedEdge; mark: Mark }) {
  const middle = middleOf(edge.points);
  return (
    <g className={classes.marked} data-mark={mark}>
      <path d={pathOf(edge)} />
      <circle cx={middle.x} cy={middle.y} r={8} />
      <text x={middle.x} y={middle.y}>
        {SIGNS[mark]}
      </text>
    </g>
  );
}

interface PlacedEdge {
  id: string;
  source: string;
  target: string;
  points: readonly Place[];
}

function placed({ nodes }: Shape, { places, routes }: Layout): PlacedEdge[] {
  return nodes.flatMap((node) =>
    node.upstream.flatMap((source) => {
      const [from, to, id] = [places.get(source), places.get(node.id), edgeId(source, node.id)];
      if (!from || !to) return [];
      const half = NODE.height / 2;
      return [{ id, source, target: node.id, points: [{ x: from.x + NODE.width, y: from.y + half }, ...(routes.get(id) ?? []), { x: to.x, y: to.y + half }] }];
    }),
  );
}

function pathOf({ points }: PlacedEdge): string {
  return pathThrough(points);
}

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
