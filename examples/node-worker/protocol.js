// The messages of docs/protocol.md: msgpack, bindings, names.
import { decode as unpack, encode as pack } from "@msgpack/msgpack";

// Integers that msgpack writes in 64 bits are BigInt here: a number would round those beyond 2^53.
const options = { useBigInt64: true };
export const decode = (bytes) => unpack(bytes, options);
export const encode = (value) => pack(value, { ...options, ignoreUndefined: true });

export const VERSION = 1;
export const INLINE_BYTES = 64 * 1024;
export const nowUs = () => BigInt(Date.now()) * 1000n;

/** A failure with a code of Headrace's own; any other error is `task.failed`. */
export class TaskError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** `run/node/attempt`, or `run/node/item/attempt` for an item of a map. */
export function attemptKey({ run_id, node, item, attempt }) {
  return [run_id, node, ...(item == null ? [] : [item]), attempt].join("/");
}

/** What names an attempt, told back in everything that is said of it. */
export function namesOf({ run_id, node, item, attempt }) {
  return { run_id, node, item: item ?? undefined, attempt };
}

/** The parameters of a task message by name. */
export function parametersOf(task) {
  const entries = Object.entries(task.bindings ?? {});
  return Object.fromEntries(entries.map(([name, binding]) => [name, resolve(binding, task)]));
}

function resolve(binding, task) {
  switch (binding.bind) {
    case "literal":
      return binding.value;
    case "param":
      return at(at(task.params, [binding.name]), binding.path);
    case "output":
      return at(inline(task.inputs?.[binding.node], binding.node), binding.path);
    case "item":
      return inline(task.item_input, "item");
    case "list":
      return binding.items.map((item) => resolve(item, task));
    case "object":
      return Object.fromEntries(Object.entries(binding.fields).map(([name, field]) => [name, resolve(field, task)]));
    default:
      throw new TaskError("task.input_invalid", `this worker knows no binding ${binding.bind}`);
  }
}

function inline(result, name) {
  if (result == null || !("value" in result)) {
    throw new TaskError("task.input_invalid", `the input ${name} is stored: this worker reads results inside messages only`);
  }
  return result.value;
}

function at(value, path = []) {
  for (const step of path) {
    if (value == null || !Object.hasOwn(value, step)) {
      throw new TaskError("task.input_invalid", `there is nothing at ${JSON.stringify(path)}`);
    }
    value = value[step];
  }
  return value;
}

/** The lengths that downstream maps need; -1 where there is no list. */
export function countsOf(value, places = []) {
  return places.map((path) => {
    const found = path.reduce((inside, step) => inside?.[step], value);
    return Array.isArray(found) ? found.length : -1;
  });
}
