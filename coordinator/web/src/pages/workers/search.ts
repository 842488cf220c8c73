import { text } from "~/app/search";

export interface WorkersSearch {
  /** Workers of one queue. */
  queue?: string | undefined;
  /** The worker that is unfolded. */
  at?: string | undefined;
}

export function workersSearch(search: Record<string, unknown>): WorkersSearch {
  return { queue: text(search["queue"]), at: text(search["at"]) };
}
