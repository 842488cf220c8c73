import type { Schemas } from "~/api/client";
import type { NodeState } from "~/design/states";
import type { LifecycleBatch } from "~/live/frames";

type RunDetail = Schemas["RunDetail"];
type NodeView = Schemas["NodeView"];
type Event = LifecycleBatch["events"][number];

const ENDED: ReadonlySet<string> = new Set(["succeeded", "failed", "cancelled", "upstream_failed"]);

/**
 * A run after what the stream told of it, without asking for it anew. Nodes that did not change stay the same objects.
 * An event that the answer knew already changes nothing: attempts only grow, and an end is an end.
 */
export function patchRun(run: RunDetail, batches: readonly LifecycleBatch[]): RunDetail {
  const index = new Map(run.nodes.map((node, at) => [node.node, at]));
  let nodes: NodeView[] | null = null;
  for (const event of batches.flatMap((batch) => (batch.run_id === run.run_id ? batch.events : []))) {
    const at = event.node ? index.get(event.node) : undefined;
    if (at === undefined) continue;
    const before: NodeView | undefined = (nodes ?? run.nodes)[at];
    const after = before && patchNode(before, event);
    if (!after || after === before) continue;
    nodes ??= [...run.nodes];
    nodes[at] = after;
  }
  if (nodes === null) return run;
  return { ...run, nodes, nodes_done: nodes.filter((node) => ENDED.has(node.state)).length };
}

/** What the nodes of a run do now, as the server says it. Those that it does not name do nothing. */
export function patchActivity(run: RunDetail, told: Schemas["RunActivity"]): RunDetail {
  const doing = new Map(told.nodes.map((one) => [one.node, one]));
  return { ...run, nodes: run.nodes.map((node) => (same(node.activity, doing.get(node.node)) ? node : { ...node, activity: doing.get(node.node) ?? null })) };
}

function same(before: NodeView["activity"], after: NodeView["activity"] | undefined): boolean {
  return JSON.stringify(before ?? null) === JSON.stringify(after ?? null);
}

function patchNode(node: NodeView, event: Event): NodeView {
  const attempt = event.attempt ?? 0;
  const known = ENDED.has(node.state) && attempt <= node.attempt && event.at_us <= (node.finished_at_us ?? 0);
  if (known || attempt < node.attempt) return event.kind === "node.mapped" && !ENDED.has(node.state) ? mapped(node, event) : node;
  switch (event.kind) {
    case "node.dispatched":
      if (attempt === node.attempt && node.state !== "waiting" && node.state !== "retrying") return node;
      return { ...node, state: "dispatched", attempt, queued_at_us: event.at_us, ready_at_us: node.ready_at_us ?? event.at_us, retry_at_us: null, finished_at_us: null, activity: null };
    case "node.mapped":
      return mapped(node, event);
    case "node.retrying":
      return { ...node, state: "retrying", attempt, error: event.error ?? null, retry_at_us: number(event, "retry_at_us"), failures: node.failures + 1 };
    case "node.succeeded":
    case "node.failed":
    case "node.cancelled":
    case "node.upstream_failed":
      return ended(node, event, event.kind.slice("node.".length) as NodeState);
    default:
      return node;
  }
}

function mapped(node: NodeView, event: Event): NodeView {
  const total = number(event, "total") ?? 0;
  return { ...node, state: "mapping", ready_at_us: node.ready_at_us ?? event.at_us, map: node.map ?? { total, done: 0, in_motion: total, retrying: 0, running: 0 } };
}

function ended(node: NodeView, event: Event, state: NodeState): NodeView {
  const readyUs = node.ready_at_us ?? number(event, "ready_at_us");
  return {
    ...node,
    state,
    attempt: Math.max(node.attempt, event.attempt ?? 0),
    ready_at_us: readyUs,
    finished_at_us: event.at_us,
    duration_s: readyUs ? Math.max(0, event.at_us - readyUs) / 1e6 : null,
    retry_at_us: null,
    error: event.error ?? null,
    map: node.map && state === "succeeded" ? { ...node.map, done: node.map.total, in_motion: 0, retrying: 0, running: 0 } : node.map,
  };
}

function number(event: Event, name: string): number | null {
  const value = event.data?.[name];
  return typeof value === "number" ? value : null;
}
