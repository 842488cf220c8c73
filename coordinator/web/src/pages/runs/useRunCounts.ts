import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, data } from "~/api/client";
import { onFrames } from "~/live/live";
import { nowUs } from "~/time/now";

import { type RunsFilter, queryOf } from "./search";

const EVERY_MS = 2_000;

/** How many runs there are in each state under the other filters; counted anew while runs change, not more often than every 2 s. */
export function useRunCounts({ state: _state, ...filter }: RunsFilter) {
  const queryClient = useQueryClient();
  const name = JSON.stringify(filter);
  const query = useQuery({
    queryKey: ["runs", "counts", name],
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/counts", { params: { query: queryOf(filter, nowUs()) }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const recount = () => {
      timer = undefined;
      void queryClient.invalidateQueries({ queryKey: ["runs", "counts", name] });
    };
    const stop = onFrames("runs", () => {
      timer ??= setTimeout(recount, EVERY_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queryClient, name]);
  return query.data?.counts;
}
