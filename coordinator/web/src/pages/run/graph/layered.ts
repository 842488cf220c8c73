/** A quick layered layout, from left to right: on the screen at once, until the better one is there. */

export interface Shape {
  nodes: readonly { id: string; upstream: readonly string[] }[];
}

export interface Place {
  x: number;
  y: number;
}

export const NODE = { width: 208, height: 54 };
const GAP = { x: 56, y: 18 };
const SWEEPS = 4;

export function layered({ nodes }: Shape): Map<string, Place> {
  const layers = layersOf(nodes);
  order(layers, nodes);
  const tallest = Math.max(...layers.map((layer) => layer.length));
  const places = new Map<string, Place>();
  for (const [column, layer] of layers.entries()) {
    const top = ((tallest - layer.length) * (NODE.height + GAP.y)) / 2;
    for (const [row, id] of layer.entries()) places.set(id, { x: column * (NODE.width + GAP.x), y: top + row * (NODE.height + GAP.y) });
  }
  return places;
}

/** Each node one column behind the last of those it waits for. Definitions list producers before consumers; others are waited for. */
function layersOf(nodes: Shape["nodes"]): string[][] {
  const depth = new Map<string, number>();
  let open = [...nodes];
  while (open.length > 0) {
    const later: typeof open = [];
    for (const node of open) {
      const before = node.upstream.map((id) => depth.get(id));
      if (before.includes(undefined)) later.push(node);
      else depth.set(node.id, Math.max(-1, ...before.map((one) => one ?? 0)) + 1);
    }
    if (later.length === open.length) {
      // A cycle, or a producer that is not there: shown all the same.
      for (const node of later) depth.set(node.id, 0);
      break;
    }
    open = later;
  }
  const layers: string[][] = [];
  for (const [id, at] of depth) (layers[at] ??= []).push(id);
  return layers.length > 0 ? layers : [[]];
}

/** Fewer crossings: each layer is sorted by where its neighbours are (Sugiyama's barycentres), there and back. */
function order(layers: string[][], nodes: Shape["nodes"]): void {
  const up = new Map(nodes.map((node) => [node.id, node.upstream]));
  const down = new Map<string, string[]>(nodes.map((node) => [node.id, []]));
  for (const node of nodes) for (const source of node.upstream) down.get(source)?.push(node.id);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    const rank = new Map(layers.flatMap((layer) => layer.map((id, row) => [id, row / Math.max(1, layer.length)] as const)));
    for (const layer of forward ? layers : layers.toReversed()) {
      const weight = new Map(layer.map((id, row) => [id, mean((forward ? up : down).get(id) ?? [], rank) ?? row / layer.length]));
      layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
      for (const [row, id] of layer.entries()) rank.set(id, row / Math.max(1, layer.length));
    }
  }
}

function mean(ids: readonly string[], rank: ReadonlyMap<string, number>): number | null {
  const known = ids.flatMap((id) => rank.get(id) ?? []);
  return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length;
}
