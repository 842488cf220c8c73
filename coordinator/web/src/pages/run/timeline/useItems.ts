import { useQueries } from "@tanstack/react-query";

import { type Schemas, api, data } from "~/api/client";

import { byItem } from "./segments";

const PAGE = 500;
const PAGES = 4;
type AttemptView = Schemas["AttemptView"];

export interface Items {
  items: [number, AttemptView[]][];
  loading: boolean;
  /** There are others than those that were read. */
  more: boolean;
}

/** Attempts of the items of maps that are open: up to 2,000 of each, read again while the map moves. */
export function useItems(runId: string, nodes: readonly Schemas["NodeView"][]): Map<string, Items> {
  const found = useQueries({
    queries: nodes.map((node) => ({
      queryKey: ["run", runId, "attempts", "of", node.node],
      queryFn: ({ signal }: { signal: AbortSignal }) => readItems(runId, node.node, signal),
      refetchInterval: node.finished_at_us === null ? 2_000 : (false as const),
    })),
  });
  return new Map(nodes.map((node, index) => [node.node, { items: byItem(found[index]?.data?.attempts ?? []), loading: found[index]?.isPending ?? false, more: found[index]?.data?.more ?? false }]));
}

async function readItems(runId: string, node: string, signal: AbortSignal) {
  const attempts: AttemptView[] = [];
  let after: number | null = 0;
  for (let page = 0; page < PAGES && after !== null; page += 1) {
    const answer: Schemas["AttemptPage"] = await data(api.GET("/api/v1/runs/{run_id}/attempts", { params: { path: { run_id: runId }, query: { node, limit: PAGE, after } }, signal }));
    attempts.push(...answer.attempts);
    after = answer.next;
  }
  return { attempts, more: after !== null };
}
