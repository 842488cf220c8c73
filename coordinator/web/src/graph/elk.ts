import type { ElkExtendedEdge, ElkNode } from "elkjs/lib/elk-api";

import { type Layout, NODE, type Place, type Shape, edgeId } from "./layered";

/** The better layout, computed in a worker of its own; its code is loaded when the first graph is refined. */
const known = new Map<string, Layout>();
const KEPT = 20;

export function refined(key: string): Layout | undefined {
  return known.get(key);
}

export async function refine(key: string, { nodes }: Shape, signal: AbortSignal): Promise<Layout> {
  const found = known.get(key);
  if (found) return found;
  const [{ default: Elk }, { default: workerUrl }] = await Promise.all([import("elkjs/lib/elk-api"), import("elkjs/lib/elk-worker.min.js?url")]);
  const elk = new Elk({ workerFactory: () => new Worker(workerUrl) });
  const stop = () => elk.terminateWorker();
  signal.addEventListener("abort", stop);
  try {
    const laidOut = await elk.layout(graphOf(nodes));
    const layout: Layout = {
      places: new Map((laidOut.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }])),
      routes: new Map((laidOut.edges ?? []).map((edge) => [edge.id, wayOf(edge)])),
    };
    if (known.size >= KEPT) known.delete(known.keys().next().value ?? "");
    known.set(key, layout);
    return layout;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

function wayOf(edge: ElkExtendedEdge): Place[] {
  return edge.sections?.[0]?.bendPoints ?? [];
}

function graphOf(nodes: Shape["nodes"]): ElkNode {
  const ids = new Set(nodes.map((node) => node.id));
  return {
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": "RIGHT",
      "elk.edgeRouting": "POLYLINE",
      "elk.layered.spacing.nodeNodeBetweenLayers": "56",
      "elk.spacing.nodeNode": "18",
      "elk.spacing.edgeNode": "16",
      "elk.layered.nodePlacement.strategy": nodes.length > 300 ? "SIMPLE" : "NETWORK_SIMPLEX",
      "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
      "elk.separateConnectedComponents": "true",
    },
    children: nodes.map(({ id }) => ({ id, ...NODE, ports: portsOf(id), layoutOptions: { "elk.portConstraints": "FIXED_POS" } })),
    edges: nodes.flatMap((node) => node.upstream.filter((id) => ids.has(id)).map((id) => ({ id: edgeId(id, node.id), sources: [`out:${id}`], targets: [`in:${node.id}`] }))),
  };
}

/** Edges begin and end in the middle of a side, as they are drawn: a way that was meant for another place would touch nodes. */
function portsOf(id: string) {
  const y = NODE.height / 2;
  return [
    { id: `in:${id}`, x: 0, y, layoutOptions: { "elk.port.side": "WEST" } },
    { id: `out:${id}`, x: NODE.width, y, layoutOptions: { "elk.port.side": "EAST" } },
  ];
}
