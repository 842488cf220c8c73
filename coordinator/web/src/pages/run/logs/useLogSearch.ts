import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { type Schemas, api, data } from "~/api/client";

import type { LogFilter } from "./lines";

const AGAIN_MS = 1000;

/** What the API found in all lines; asked again, once a second at most, when lines come while it is shown. */
export function useLogSearch(runId: string, { node, item, level }: LogFilter, q: string | undefined, total: number) {
  const queryClient = useQueryClient();
  const found = useQuery({
    queryKey: ["run", runId, "logs", "search", node, item, level, q],
    queryFn: async ({ signal }) => ({
      total,
      ...(await data(api.GET("/api/v1/runs/{run_id}/logs/search", { params: { path: { run_id: runId }, query: { node, item, level, q: q ?? "" } }, signal }))),
    }),
    enabled: q !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
  const behind = q !== undefined && found.data !== undefined && !found.isFetching && found.data.total < total;
  useEffect(() => {
    if (!behind) return undefined;
    const timer = setTimeout(() => void queryClient.invalidateQueries({ queryKey: ["run", runId, "logs", "search"] }), AGAIN_MS);
    return () => clearTimeout(timer);
  }, [behind, queryClient, runId]);
  return { error: found.error, found: q === undefined ? undefined : found.data };
}

/** The match behind (or before) a line's number; past the end it begins again. */
export function nextMatch(matches: readonly Schemas["LogMatch"][], line: number, step: 1 | -1): number {
  if (matches.length === 0) return -1;
  const at = step > 0 ? matches.findIndex((one) => one.line > line) : matches.findLastIndex((one) => one.line < line);
  return at >= 0 ? at : step > 0 ? 0 : matches.length - 1;
}
