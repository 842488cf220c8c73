import type { Schemas } from "~/api/client";
import type { Mark } from "~/graph/Edges";
import { type Shape, edgeId } from "~/graph/layered";

import { bindingText, queueText, retryText, timeoutText, upstreamOf } from "../graph/describe";

type Definition = Schemas["WorkflowDefinition"];
type Node = Schemas["NodeDefinition"];

export type Change = "added" | "removed" | "changed";

export interface Row {
  /** `node price`, `trigger cron-1`, `workflow`. */
  what: string;
  change: Change;
  /** Where inside of it; empty when all of it came or went. */
  field: string;
  before: string;
  after: string;
}

export interface Diff {
  rows: Row[];
  /** Nodes that are not as they were, by id. */
  nodes: ReadonlyMap<string, Change>;
  edges: ReadonlyMap<string, Mark>;
  /** All nodes and edges, of before and of after. */
  shape: Shape;
  byId: ReadonlyMap<string, Node>;
}

/** What became of a definition: of its nodes, its edges, and all else that makes a version. */
export function diffOf(before: Definition, after: Definition): Diff {
  const rows: Row[] = [];
  const nodes = new Map<string, Change>();
  const [old, now] = [before, after].map((definition) => new Map(definition.nodes.map((node) => [node.id, node]))) as [Map<string, Node>, Map<string, Node>];
  const ids = [...now.keys(), ...[...old.keys()].filter((id) => !now.has(id))];
  for (const id of ids) {
    const found = compare(`node ${id}`, whole(before, old.get(id)), whole(after, now.get(id)));
    if (found[0]) nodes.set(id, found[0].field === "" ? found[0].change : "changed");
    rows.push(...found);
  }
  rows.push(...parts("trigger", byId(before.triggers), byId(after.triggers)), ...parts("param", paramsOf(before), paramsOf(after)));
  rows.push(...compare("workflow", rest(before), rest(after)));
  const was = edgesOf(before);
  const is = edgesOf(after);
  const edges = new Map<string, Mark>([...[...is].filter((edge) => !was.has(edge)).map((edge) => [edge, "added"] as const), ...[...was].filter((edge) => !is.has(edge)).map((edge) => [edge, "removed"] as const)]);
  rows.push(...[...edges].map(([edge, change]): Row => ({ what: `edge ${edge.replace(" ", " → ")}`, change, field: "", before: "", after: "" })));
  const upstream = (id: string) => [...new Set([now, old].flatMap((one) => upstreamOf(one.get(id) ?? EMPTY)))];
  return { rows, nodes, edges, shape: { nodes: ids.map((id) => ({ id, upstream: upstream(id) })) }, byId: new Map([...old, ...now]) };
}

const EMPTY: Node = { id: "", task: "" };

/** A node in words, with what its task says: a changed type of a parameter changes the node. */
function whole(definition: Definition, node: Node | undefined) {
  if (!node) return undefined;
  const { bindings = {}, after = [], map, options = {} } = node;
  const task = definition.tasks[node.task];
  return {
    task: node.task,
    after,
    map: map ? `over ${bindingText(map.over)}, ${map.window ?? 1000} at a time` : undefined,
    queue: queueText(options),
    retries: retryText(options),
    timeout: timeoutText(options),
    isolation: options.isolation ?? "thread",
    gets: Object.fromEntries(Object.entries(bindings).map(([name, binding]) => [name, bindingText(binding)])),
    params: task?.params,
    required: task?.required,
    result: task?.returns,
  };
}

function paramsOf(definition: Definition): Map<string, unknown> {
  const required = new Set(definition.required);
  return new Map(Object.entries(definition.params ?? {}).map(([name, schema]) => [name, { schema, ...(required.has(name) ? { required: true } : {}), ...(definition.defaults && name in definition.defaults ? { default: definition.defaults[name] } : {}) }]));
}

function byId(all: readonly { id: string }[] | undefined): Map<string, unknown> {
  return new Map((all ?? []).map(({ id, ...own }) => [id, own]));
}

function rest({ output, deadline_s, doc, schema_definitions }: Definition) {
  return { output, deadline_s, doc, types: schema_definitions };
}

function parts(kind: string, old: Map<string, unknown>, now: Map<string, unknown>): Row[] {
  return [...new Set([...now.keys(), ...old.keys()])].flatMap((id) => compare(`${kind} ${id}`, old.get(id), now.get(id)));
}

function compare(what: string, old: unknown, now: unknown): Row[] {
  if (old === undefined && now === undefined) return [];
  if (old === undefined) return [{ what, change: "added", field: "", before: "", after: "" }];
  if (now === undefined) return [{ what, change: "removed", field: "", before: "", after: "" }];
  const [before, after] = [leaves(old), leaves(now)];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field): Row[] => {
    const [one, other] = [before.get(field), after.get(field)];
    if (one === other) return [];
    return [{ what, change: one === undefined ? "added" : other === undefined ? "removed" : "changed", field, before: one ?? "", after: other ?? "" }];
  });
}

/** Every value inside, by its place, as JSON. Lists of plain values are one value. */
function leaves(value: unknown, place = "", found = new Map<string, string>()): Map<string, string> {
  if (value === undefined || value === null) return found;
  const plain = typeof value !== "object" || (Array.isArray(value) && value.every((one) => typeof one !== "object"));
  if (plain) {
    if (!(Array.isArray(value) && value.length === 0)) found.set(place, typeof value === "string" ? value : JSON.stringify(value));
    return found;
  }
  for (const [name, inside] of Object.entries(value)) leaves(inside, place === "" ? name : `${place}.${name}`, found);
  return found;
}

function edgesOf(definition: Definition): Set<string> {
  return new Set(definition.nodes.flatMap((node) => upstreamOf(node).map((source) => edgeId(source, node.id))));
}

/** `2 nodes added, 1 edge removed, 3 changes`. */
export function summaryOf({ rows, nodes, edges }: Diff): string {
  if (rows.length === 0) return "These versions do the same.";
  const counted = (values: Iterable<string>, what: string) => {
    const counts = new Map<string, number>();
    for (const change of values) counts.set(change, (counts.get(change) ?? 0) + 1);
    return [...counts].map(([change, count]) => `${count} ${what}${count === 1 ? "" : "s"} ${change}`);
  };
  const found = [...counted(nodes.values(), "node"), ...counted(edges.values(), "edge")];
  const others = rows.filter((row) => !/^(node|edge) /.test(row.what)).length;
  return [...found, ...(others > 0 ? [`${others} other ${others === 1 ? "change" : "changes"}`] : [])].join(", ");
}
