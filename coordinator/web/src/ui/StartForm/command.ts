import { stringifyExact } from "~/api/exact";
import { quoted } from "~/ui/commandLine";

/** `headrace run` with these params: what a person would type for the same run. */
export function startCommand(workflow: string, params: Record<string, unknown>, more: { key?: string; labels?: Record<string, string> } = {}): string {
  const words = [
    ...Object.entries(params).map(([name, value]) => `-p ${quoted(`${name}=${written(value)}`)}`),
    ...Object.entries(more.labels ?? {}).map(([name, value]) => `-l ${quoted(`${name}=${value}`)}`),
    ...(more.key ? [`--idempotency-key ${quoted(more.key)}`] : []),
  ];
  return ["headrace run", quoted(workflow), ...words].join(" ");
}

/** The command line takes a value for JSON if it is JSON, and for text otherwise. */
function written(value: unknown): string {
  return typeof value === "string" && !isJson(value) ? value : stringifyExact(value);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
