import "@xyflow/react/dist/base.css";

import { ActionIcon } from "@mantine/core";
import { Panel, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { useEffect, useMemo, useRef, useState } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";

import classes from "./GraphView.module.css";
import { NodeCard, type TaskNode } from "./NodeCard";
import { type Routed, RoutedEdge } from "./RoutedEdge";
import { refine, refined } from "./elk";
import { type Layout, NODE, type Shape, edgeId, layered } from "./layered";

interface Props {
  run: Schemas["RunDetail"];
  selected: string | undefined;
  select: (node: string | undefined) => void;
}

const NODE_TYPES = { task: NodeCard };
const EDGE_TYPES = { routed: RoutedEdge };
const FAR = 0.45;

export default function GraphView(props: Props) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({ run, selected, select }: Props) {
  const [far, setFar] = useState(false);
  const key = `${run.workflow} ${run.version}`;
  const shape = useShape(run, key);
  const layout = useLayout(key, shape);
  const { nodes, edges } = useMemo(() => drawn(shape, layout), [shape, layout]);
  const marked = useMemo(() => nodes.map((node) => (node.id === selected ? { ...node, selected: true } : node)), [nodes, selected]);
  const lit = useMemo(() => edges.map((edge) => (edge.source === selected || edge.target === selected ? { ...edge, className: classes.lit, zIndex: 1 } : edge)), [edges, selected]);
  return (
    <div className={classes.flow} data-far={far || undefined}>
      <ReactFlow<TaskNode, Routed>
        nodes={marked}
        edges={lit}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        nodesDraggable={false}
        nodesConnectable={false}
        edgesFocusable={false}
        elementsSelectable
        deleteKeyCode={null}
        selectionKeyCode={null}
        multiSelectionKeyCode={null}
        onlyRenderVisibleElements
        minZoom={0.05}
        maxZoom={1.6}
        fitView
        fitViewOptions={FIT}
        proOptions={{ hideAttribution: true }}
        onMove={(_, { zoom }) => setFar(zoom < FAR)}
        onNodeClick={(_, node) => select(node.id)}
        onPaneClick={() => select(undefined)}
        onSelectionChange={({ nodes: chosen }) => chosen[0] && chosen[0].id !== selected && select(chosen[0].id)}
        aria-label="Graph of the run. The table shows the same."
      >
        <Controls layout={layout} />
      </ReactFlow>
    </div>
  );
}

const FIT = { padding: 0.12, maxZoom: 1 };

function Controls({ layout }: { layout: Layout }) {
  const { fitView, zoomIn, zoomOut } = useReactFlow();
  const first = useRef(layout);
  useEffect(() => {
    // The better layout has come: the view follows it once, without a jump.
    if (first.current === layout) return;
    first.current = layout;
    requestAnimationFrame(() => void fitView({ ...FIT, duration: 200 }));
  }, [layout, fitView]);
  useShortcuts([
    { keys: "f", label: "Fit the graph", group: "Run", run: () => void fitView({ ...FIT, duration: 150 }) },
    { keys: "+", label: "Zoom in", group: "Run", run: () => void zoomIn() },
    { keys: "-", label: "Zoom out", group: "Run", run: () => void zoomOut() },
  ]);
  return (
    <Panel position="bottom-right" className={classes.controls}>
      <ActionIcon onClick={() => void zoomOut()} aria-label="Zoom out">
        <Icon name="minus" size={14} />
      </ActionIcon>
      <ActionIcon onClick={() => void zoomIn()} aria-label="Zoom in">
        <Icon name="plus" size={14} />
      </ActionIcon>
      <ActionIcon onClick={() => void fitView(FIT)} aria-label="Fit the graph">
        <Icon name="fit" size={14} />
      </ActionIcon>
    </Panel>
  );
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

function useLayout(key: string, shape: Shape): Layout {
  const quick = useMemo(() => refined(key) ?? layered(shape), [key, shape]);
  const [better, setBetter] = useState<{ key: string; layout: Layout } | null>(null);
  useEffect(() => {
    const abort = new AbortController();
    refine(key, shape, abort.signal).then(
      (layout) => abort.signal.aborted || setBetter({ key, layout }),
      // Without it the quick layout stays.
      () => undefined,
    );
    return () => abort.abort();
  }, [key, shape]);
  return better?.key === key ? better.layout : quick;
}

function drawn({ nodes }: Shape, { places, routes }: Layout): { nodes: TaskNode[]; edges: Routed[] } {
  const ids = new Set(nodes.map((node) => node.id));
  return {
    nodes: nodes.map((node) => ({ id: node.id, type: "task", position: places.get(node.id) ?? { x: 0, y: 0 }, data: {}, ...NODE, measured: NODE, handles: HANDLES })),
    edges: nodes.flatMap((node) => node.upstream.filter((id) => ids.has(id)).map((id) => ({ id: edgeId(id, node.id), type: "routed", source: id, target: node.id, data: { way: routes.get(edgeId(id, node.id)) ?? [] }, className: classes.edge ?? "" }))),
  };
}

const HANDLES = [
  { type: "target", position: "left", x: 0, y: NODE.height / 2, width: 1, height: 1 },
  { type: "source", position: "right", x: NODE.width, y: NODE.height / 2, width: 1, height: 1 },
] as NonNullable<TaskNode["handles"]>;
