import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, data } from "~/api/client";
import { useAnew } from "~/live/anew";
import { nowUs } from "~/time/now";

import { type RunsFilter, queryOf } from "./search";

const EVERY_MS = 2_000;

/** How many runs there are in each state under the other filters. */
export function useRunCounts({ state: _state, ...filter }: RunsFilter) {
  const key = ["runs", "counts", JSON.stringify(filter)];
  useAnew(key, EVERY_MS);
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/counts", { params: { query: queryOf(filter, nowUs()) }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  });
  return query.data?.counts;
}

/** When they were created: the histogram above the list. */
export function useRunHistogram(filter: RunsFilter, buckets: number) {
  const key = ["runs", "histogram", JSON.stringify(filter), buckets];
  useAnew(key, EVERY_MS);
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/histogram", { params: { query: { ...queryOf(filter, nowUs()), buckets } }, signal })),
    placeholderData: keepPreviousData,
    retry: false,
  });
  return query.data;
}
