import type { Schemas } from "~/api/client";
import { type AnyState, isState } from "~/design/states";

import type { Line } from "./Plot";
import { type Segment, attemptSegments } from "./segments";
import type { Items } from "./useItems";

type NodeView = Schemas["NodeView"];

/** Rows of the timeline: nodes in the order in which they began, and items below maps that are open. */
export function linesOf(nodes: readonly NodeView[], bars: ReadonlyMap<string, readonly Segment[]>, open: ReadonlySet<string>, items: ReadonlyMap<string, Items>, limit: number): Line[] {
  const ordered = [...nodes].sort((one, other) => (one.ready_at_us ?? Number.MAX_SAFE_INTEGER) - (other.ready_at_us ?? Number.MAX_SAFE_INTEGER));
  return ordered.flatMap((node) => {
    const isOpen = open.has(node.node);
    const line: Line = { key: node.node, node: node.node, item: null, state: node.state, label: node.node, map: node.map, open: node.map ? isOpen : null, segments: bars.get(node.node) ?? [] };
    return isOpen ? [line, ...itemLines(node, items.get(node.node), limit)] : [line];
  });
}

function itemLines(node: NodeView, found: Items | undefined, limit: number): Line[] {
  const base = { node: node.node, map: null, open: null, state: node.state, segments: [], label: "" };
  if (!found || found.loading) return [{ ...base, key: `${node.node} loading`, item: null, note: "Reading items…" }];
  const shown = found.items.slice(0, limit).map(([item, attempts]): Line => {
    const state = attempts.at(-1)?.state ?? "";
    return { ...base, key: `${node.node}[${item}]`, item, label: `[${item}]`, state: stateOf(state), segments: attemptSegments(attempts) };
  });
  const rest = (node.map?.total ?? shown.length) - shown.length;
  if (rest > 0) shown.push({ ...base, key: `${node.node} rest`, item: null, note: `${rest.toLocaleString("en")} others: see Attempts` });
  return shown;
}

function stateOf(state: string): AnyState {
  return isState(state) ? state : "waiting";
}
