import { text } from "~/app/search";

/** What the address of the list of workflows says. */
export interface WorkflowsSearch {
  q?: string | undefined;
  /** The row that the keyboard is on. */
  at?: string | undefined;
}

export function workflowsSearch(search: Record<string, unknown>): WorkflowsSearch {
  return { q: text(search["q"]), at: text(search["at"]) };
}
