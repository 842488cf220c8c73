import { useState } from "react";

import type { Schemas } from "~/api/client";
import { Flow } from "~/graph/Flow";
import type { Shape } from "~/graph/layered";

import { NodeCard } from "./NodeCard";

interface Props {
  run: Schemas["RunDetail"];
  selected: string | undefined;
  select: (node: string | undefined) => void;
}

export default function GraphView({ run, selected, select }: Props) {
  const name = `${run.workflow} ${run.version}`;
  const shape = useShape(run, name);
  return <Flow name={name} shape={shape} card={NodeCard} selected={selected} select={select} label="Graph of the run. The table shows the same." group="Run" />;
}

/** The graph of the version that the run is pinned to never changes: states of nodes do not lay it out anew. */
function useShape(run: Schemas["RunDetail"], key: string): Shape {
  const [kept, keep] = useState(() => ({ key, shape: shapeOf(run) }));
  if (kept.key === key) return kept.shape;
  const next = { key, shape: shapeOf(run) };
  keep(next);
  return next.shape;
}

function shapeOf(run: Schemas["RunDetail"]): Shape {
  return { nodes: run.nodes.map((node) => ({ id: node.node, upstream: node.upstream })) };
}
