import { oneOf, text, whole } from "~/app/search";

/** What the address of a run says besides its tab. */
export interface RunSearch {
  /** The node that is selected. */
  task?: string | undefined;
  attempt?: number | undefined;
  view?: "table" | undefined;
}

export function runSearch(search: Record<string, unknown>): RunSearch {
  return { task: text(search["task"]), attempt: whole(search["attempt"]), view: oneOf(search["view"], ["table"] as const) };
}
