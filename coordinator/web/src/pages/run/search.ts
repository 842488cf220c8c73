import { oneOf, text, whole } from "~/app/search";

export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;
export type Level = (typeof LEVELS)[number];

/** What the address of a run says besides its tab. */
export interface RunSearch {
  /** The node that is selected. */
  task?: string | undefined;
  item?: number | undefined;
  attempt?: number | undefined;
  view?: "table" | undefined;
  /** Log lines of this level or a more serious one. */
  level?: Level | undefined;
  q?: string | undefined;
  /** The position of a log line. */
  line?: number | undefined;
  wrap?: "yes" | undefined;
  /** What of the timeline is in sight: milliseconds after the run's creation, `1200-5400`. */
  range?: string | undefined;
  idle?: "shown" | undefined;
  span?: string | undefined;
  /** The row of a table that is open. */
  at?: string | undefined;
  path?: "critical" | undefined;
  kind?: string | undefined;
}

export function runSearch(search: Record<string, unknown>): RunSearch {
  return {
    task: text(search["task"]),
    item: whole(search["item"]),
    attempt: whole(search["attempt"]),
    view: oneOf(search["view"], ["table"] as const),
    level: oneOf(search["level"], LEVELS),
    q: text(search["q"]),
    line: whole(search["line"]),
    wrap: oneOf(search["wrap"], ["yes"] as const),
    range: text(search["range"]),
    idle: oneOf(search["idle"], ["shown"] as const),
    span: text(search["span"]),
    at: text(search["at"]),
    path: oneOf(search["path"], ["critical"] as const),
    kind: text(search["kind"]),
  };
}
