import "@xyflow/react/dist/base.css";

import { ActionIcon } from "@mantine/core";
import { type Edge, type Node, type NodeProps, Panel, ReactFlow, ReactFlowProvider, useReactFlow } from "@xyflow/react";
import { type ComponentType, useEffect, useMemo, useRef, useState } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";

import classes from "./Flow.module.css";
import { type Mark, Edges } from "./Edges";
import { Far } from "./Card";
import { refine, refined } from "./elk";
import { type Layout, NODE, type Shape, layered } from "./layered";

export type CardNode = Node<Record<string, never>, "task">;

interface Props {
  /** Names the shape: the same name is laid out once. */
  name: string;
  shape: Shape;
  /** Draws a node, 208 by 54. It finds out by its id what it shows. */
  card: ComponentType<NodeProps<CardNode>>;
  /** What stands on edges, by `edgeId`. */
  marks?: ReadonlyMap<string, Mark>;
  selected: string | undefined;
  select: (node: string | undefined) => void;
  label: string;
  /** Where the help lists the keys of the graph. */
  group: string;
}

const NO_EDGES: Edge[] = [];
const FAR = 0.45;

/** A directed graph, from left to right: quickly laid out at once, better when the worker has found it. */
export function Flow(props: Props) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

function Canvas({ name, shape, card, marks, selected, select, label, group }: Props) {
  const [far, setFar] = useState(false);
  const types = useMemo(() => ({ task: card }), [card]);
  const layout = useLayout(name, shape);
  const nodes = useMemo(() => drawn(shape, layout), [shape, layout]);
  const marked = useMemo(() => nodes.map((node) => (node.id === selected ? { ...node, selected: true } : node)), [nodes, selected]);
  return (
    <div className={classes.flow} data-far={far || undefined} data-refined={refined(name) === layout || undefined}>
      <Far value={far}>
      <ReactFlow<CardNode>
        nodes={marked}
        edges={NO_EDGES}
        nodeTypes={types}
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
        // Its own fit waits for a node in sight to be measured; of a tall graph none is.
        onInit={({ fitView }) => void fitView(FIT)}
        proOptions={{ hideAttribution: true }}
        onMove={(_, { zoom }) => setFar(zoom < FAR)}
        onNodeClick={(_, node) => select(node.id)}
        onPaneClick={() => select(undefined)}
        onNodesChange={(changes) => {
          // Enter and Escape on a node in focus.
          for (const change of changes) if (change.type === "select" && (change.selected || change.id === selected)) select(change.selected ? change.id : undefined);
        }}
        aria-label={label}
      >
        <Edges shape={shape} layout={layout} marks={marks} selected={selected} />
        <Controls layout={layout} group={group} />
      </ReactFlow>
      </Far>
    </div>
  );
}

const FIT = { padding: 0.12, maxZoom: 1 };

function Controls({ layout, group }: { layout: Layout; group: string }) {
  const { fitView, zoomIn, zoomOut } = useReactFlow();
  const first = useRef(layout);
  useEffect(() => {
    // The better layout has come: the view follows it once, without a jump.
    if (first.current === layout) return;
    first.current = layout;
    requestAnimationFrame(() => void fitView({ ...FIT, duration: 200 }));
  }, [layout, fitView]);
  useShortcuts([
    { keys: "f", label: "Fit the graph", group, run: () => void fitView({ ...FIT, duration: 150 }) },
    { keys: "+", label: "Zoom in", group, run: () => void zoomIn() },
    { keys: "-", label: "Zoom out", group, run: () => void zoomOut() },
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

function drawn({ nodes }: Shape, { places }: Layout): CardNode[] {
  return nodes.map((node) => ({ id: node.id, type: "task", position: places.get(node.id) ?? { x: 0, y: 0 }, data: {}, ...NODE, measured: NODE, handles: HANDLES }));
}

const HANDLES = [
  { type: "target", position: "left", x: 0, y: NODE.height / 2, width: 1, height: 1 },
  { type: "source", position: "right", x: NODE.width, y: NODE.height / 2, width: 1, height: 1 },
] as NonNullable<CardNode["handles"]>;
