/** A quick layered layout, from left to right: on the screen at once, until the better one is there. */

export interface Shape {
  nodes: readonly { id: string; upstream: readonly string[] }[];
}

export interface Place {
  x: number;
  y: number;
}

export interface Layout {
  places: ReadonlyMap<string, Place>;
  /** Where an edge passes between its ends, by `edgeId`: around the nodes that stand in its way. */
  routes: ReadonlyMap<string, readonly Place[]>;
}

export const NODE = { width: 208, height: 54 };
const GAP = { x: 56, y: 18 };
const LANE = 16;
const SWEEPS = 4;
/** Lanes for long edges cost time; where there are more, edges pass behind nodes until the better layout is there. */
const MOST_LANES = 1500;

export function edgeId(source: string, target: string): string {
  return `${source} ${target}`;
}

export function layered({ nodes }: Shape): Layout {
  const depth = depths(nodes);
  const lanes = lanesOf(nodes, depth);
  const slots = [...nodes, ...lanes.flatMap((lane) => lane.slots)];
  const layers: string[][] = [];
  for (const { id } of slots) (layers[depth.get(id) ?? 0] ??= []).push(id);
  order(layers, slots);
  const places = place(layers, new Set(nodes.map((node) => node.id)));
  const routes = new Map(lanes.map((lane) => [lane.edge, lane.slots.flatMap(({ id }) => across(places.get(id)))]));
  return { places, routes };
}

/** Each node one column behind the last of those it waits for. */
function depths(nodes: Shape["nodes"]): Map<string, number> {
  const depth = new Map<string, number>();
  const ids = new Set(nodes.map((node) => node.id));
  let open = [...nodes];
  while (open.length > 0) {
    const later: typeof open = [];
    for (const node of open) {
      const before = node.upstream.filter((id) => ids.has(id)).map((id) => depth.get(id));
      if (before.includes(undefined)) later.push(node);
      else depth.set(node.id, Math.max(-1, ...before.map((one) => one ?? 0)) + 1);
    }
    if (later.length === open.length) {
      // A cycle: shown all the same.
      for (const node of later) depth.set(node.id, 0);
      break;
    }
    open = later;
  }
  return depth;
}

interface Lane {
  edge: string;
  slots: { id: string; upstream: readonly string[] }[];
}

/** Edges that pass over columns get a slot in each of them. */
function lanesOf(nodes: Shape["nodes"], depth: Map<string, number>): Lane[] {
  const lanes: Lane[] = [];
  let count = 0;
  for (const node of nodes) {
    for (const source of node.upstream) {
      const [from, to] = [depth.get(source), depth.get(node.id) ?? 0];
      if (from === undefined || to - from < 2) continue;
      count += to - from - 1;
      if (count > MOST_LANES) return [];
      const slots = Array.from({ length: to - from - 1 }, (_, index) => ({
        id: `${edgeId(source, node.id)} ${from + 1 + index}`,
        upstream: [index === 0 ? source : `${edgeId(source, node.id)} ${from + index}`],
      }));
      for (const [index, slot] of slots.entries()) depth.set(slot.id, from + 1 + index);
      lanes.push({ edge: edgeId(source, node.id), slots });
    }
  }
  return lanes;
}

function place(layers: string[][], nodes: ReadonlySet<string>): Map<string, Place> {
  const heightOf = (id: string) => (nodes.has(id) ? NODE.height : LANE) + GAP.y;
  const heights = layers.map((layer) => layer.reduce((sum, id) => sum + heightOf(id), 0));
  const tallest = Math.max(0, ...heights);
  const places = new Map<string, Place>();
  for (const [column, layer] of layers.entries()) {
    let y = (tallest - (heights[column] ?? 0)) / 2;
    for (const id of layer) {
      places.set(id, { x: column * (NODE.width + GAP.x), y: nodes.has(id) ? y : y + LANE / 2 });
      y += heightOf(id);
    }
  }
  return places;
}

function across(at: Place | undefined): Place[] {
  return at === undefined ? [] : [at, { x: at.x + NODE.width, y: at.y }];
}

/** Fewer crossings: each layer is sorted by where its neighbours are (Sugiyama's barycentres), there and back. */
function order(layers: string[][], slots: Shape["nodes"]): void {
  const up = new Map(slots.map((slot) => [slot.id, slot.upstream]));
  const down = new Map<string, string[]>(slots.map((slot) => [slot.id, []]));
  for (const slot of slots) for (const source of slot.upstream) down.get(source)?.push(slot.id);
  const rank = new Map(layers.flatMap((layer) => layer.map((id, row) => [id, row / layer.length] as const)));
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) {
      const weight = new Map(layer.map((id) => [id, mean((forward ? up : down).get(id) ?? [], rank) ?? rank.get(id) ?? 0]));
      layer.sort((a, b) => (weight.get(a) ?? 0) - (weight.get(b) ?? 0));
      for (const [row, id] of layer.entries()) rank.set(id, row / layer.length);
    }
  }
}

function mean(ids: readonly string[], rank: ReadonlyMap<string, number>): number | null {
  const known = ids.flatMap((id) => rank.get(id) ?? []);
  return known.length === 0 ? null : known.reduce((sum, one) => sum + one, 0) / known.length;
}
