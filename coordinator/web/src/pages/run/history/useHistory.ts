import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";

import { type Schemas, api, data } from "~/api/client";
import { onFrames, settled } from "~/live/live";

type HistoryPage = Schemas["HistoryPage"];
type LifecycleBatch = Schemas["LifecycleBatch"];
export type Event = LifecycleBatch["events"][number];

/** One thing that happened to a run. */
export interface Entry {
  key: string;
  position: number;
  event: Event;
}

const PAGE = 500;

/** A run's history, oldest first; what happens now is put behind it by the stream. */
export function useHistory(runId: string) {
  const queryClient = useQueryClient();
  const queryKey = useMemo(() => ["run", runId, "history"] as const, [runId]);
  const query = useInfiniteQuery({
    queryKey,
    queryFn: async ({ signal, pageParam }) => {
      await settled();
      return data(api.GET("/api/v1/runs/{run_id}/history", { params: { path: { run_id: runId }, query: { limit: PAGE, after: pageParam } }, signal }));
    },
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
    staleTime: 0,
  });
  useEffect(
    () =>
      onFrames("changes", (frames) => {
        const heard = frames.flatMap((frame) => frame.changes.filter((batch) => batch.run_id === runId));
        if (heard.length === 0) return;
        queryClient.setQueryData<{ pages: HistoryPage[]; pageParams: number[] }>(queryKey, (old) => old && { ...old, pages: appended(old.pages, heard) });
      }),
    [queryClient, queryKey, runId],
  );
  const entries = useMemo(() => (query.data?.pages ?? []).flatMap((page) => page.history).flatMap(entriesOf), [query.data]);
  return { query, entries };
}

/** Only behind the last page: what lies in between is read when it is asked for. */
export function appended(pages: HistoryPage[], heard: readonly LifecycleBatch[]): HistoryPage[] {
  const last = pages.at(-1);
  if (!last || last.next !== null) return pages;
  const known = last.history.at(-1)?.position ?? 0;
  const fresh = heard.filter((batch) => batch.position > known);
  return fresh.length === 0 ? pages : [...pages.slice(0, -1), { ...last, history: [...last.history, ...fresh] }];
}

function entriesOf(batch: LifecycleBatch): Entry[] {
  return batch.events.map((event, index) => ({ key: `${batch.position}.${index}`, position: batch.position, event }));
}
