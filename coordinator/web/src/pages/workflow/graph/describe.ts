import type { Schemas } from "~/api/client";
import { type Schema, typeText } from "~/ui/StartForm/schema";

type Definition = Schemas["WorkflowDefinition"];
type Node = Schemas["NodeDefinition"];
type Binding = NonNullable<Node["bindings"]>[string];

/** Ids that a node waits for: those whose results it reads, then those that it only comes after. */
export function upstreamOf(node: Node): string[] {
  const read = [...Object.values(node.bindings ?? {}), ...(node.map ? [node.map.over] : [])].flatMap(nodesIn);
  return [...new Set([...read, ...(node.after ?? [])])];
}

function nodesIn(binding: Binding): string[] {
  switch (binding.bind) {
    case "output":
      return [binding.node];
    case "list":
      return binding.items.flatMap(nodesIn);
    case "object":
      return Object.values(binding.fields).flatMap(nodesIn);
    default:
      return [];
  }
}

/** Where a parameter's value comes from. */
export function bindingText(binding: Binding): string {
  const inside = (path: readonly (string | number)[] | undefined) => (path ?? []).map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("");
  switch (binding.bind) {
    case "literal":
      return JSON.stringify(binding.value);
    case "param":
      return `param ${binding.name}${inside(binding.path)}`;
    case "output":
      return `result of ${binding.node}${inside(binding.path)}`;
    case "item":
      return "each item";
    case "list":
      return `[${binding.items.map(bindingText).join(", ")}]`;
    default:
      return `{${Object.entries(binding.fields).map(([name, one]) => `${name}: ${bindingText(one)}`).join(", ")}}`;
  }
}

export function queueText({ queue = "default", priority = "normal" }: Schemas["TaskOptions"]): string {
  return priority === "normal" ? queue : `${queue}, ${priority} priority`;
}

export function attemptsOf({ retry }: Schemas["TaskOptions"]): number {
  return retry?.max_attempts ?? 1;
}

export function retryText(options: Schemas["TaskOptions"]): string {
  const attempts = attemptsOf(options);
  if (attempts <= 1) return "none";
  const { backoff_s = 1, factor = 2, cap_s = 300, jitter = true, retry_on = [], give_up_on = [] } = options.retry ?? {};
  const delay = `after ${time(backoff_s)}${factor === 1 ? "" : `, times ${factor} each`}${factor === 1 && cap_s >= backoff_s ? "" : `, at most ${time(cap_s)}`}${jitter ? ", with jitter" : ""}`;
  return [`up to ${attempts} attempts ${delay}`, retry_on.length > 0 ? `only on ${retry_on.join(", ")}` : "", give_up_on.length > 0 ? `never on ${give_up_on.join(", ")}` : ""].filter(Boolean).join("; ");
}

export function timeoutText({ timeout_s }: Schemas["TaskOptions"]): string {
  return timeout_s == null ? "none" : time(timeout_s);
}

/** Exact, unlike a measured duration: two settings that differ are written differently. */
function time(seconds: number): string {
  for (const [unit, size] of [["h", 3600], ["min", 60]] as const) if (seconds >= size && seconds % size === 0) return `${seconds / size} ${unit}`;
  return `${seconds} s`;
}

/** Types of a task's parameters and result, in words. */
export function typesOf(definition: Definition, task: string): { params: [string, string][]; returns: string } {
  const found = definition.tasks[task];
  const written = (schema: Schema) => typeText(schema, schema);
  return { params: Object.entries(found?.params ?? {}).map(([name, schema]) => [name, written(schema)]), returns: found?.returns ? written(found.returns) : "any" };
}
