import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";

import { api, data } from "~/api/client";
import { onFrames, settled } from "~/live/live";
import { keepRuns, readingBegins, useRunStore } from "~/live/runs";
import { nowUs } from "~/time/now";

import { type RunsFilter, matches, queryOf } from "./search";

const FIRST_PAGE = 100;
const NEXT_PAGE = 500;

interface IdPage {
  ids: string[];
  next: string | null;
}

/**
 * The list of runs as ids: pages read once, rows patched through the run store, new runs held back until asked for.
 * Nothing moves under the reader's eyes.
 */
export function useRunList(filter: RunsFilter) {
  const queryClient = useQueryClient();
  const key = useMemo(() => ["runs", filter] as const, [filter]);
  const [heard, setHeard] = useState<readonly string[]>([]);
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => readPage(filter, pageParam, pageParam ? NEXT_PAGE : FIRST_PAGE, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: IdPage) => page.next,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const ids = useMemo(() => query.data?.pages.flatMap((page) => page.ids) ?? [], [query.data]);

  const hold = useCallback(
    (runIds: readonly string[]) => {
      const { byId } = useRunStore.getState();
      const read = idsOf(queryClient.getQueryData(key));
      const added = newer(runIds, read).filter((id) => {
        const run = byId.get(id);
        return run && matches(run, filter, nowUs());
      });
      if (added.length > 0) setHeard((old) => [...new Set([...added, ...old])]);
    },
    [queryClient, key, filter],
  );
  // What the stream told while the list was being read may be in the list, or older than its page.
  const fresh = useMemo(() => newer(heard, ids), [heard, ids]);

  useEffect(() => setHeard([]), [key]);
  useEffect(() => onFrames("runs", (frames) => hold(frames.flatMap((frame) => frame.runs.map((run) => run.run_id)))), [hold]);
  useEffect(() => {
    // Coming back to a list that was read before: what began meanwhile is new as well.
    if (queryClient.getQueryData(key) === undefined) return;
    void readPage(filter, null, FIRST_PAGE).then((page) => hold(page.ids));
  }, [queryClient, key, filter, hold]);

  const showFresh = useCallback(() => {
    const { byId } = useRunStore.getState();
    const sorted = fresh.toSorted((a, b) => (byId.get(b)?.created_at_us ?? 0) - (byId.get(a)?.created_at_us ?? 0) || (a < b ? 1 : -1));
    queryClient.setQueryData<InfiniteData<IdPage>>(key, (old) => {
      const [first, ...others] = old?.pages ?? [];
      return old && first && { ...old, pages: [{ ...first, ids: [...sorted, ...first.ids] }, ...others] };
    });
    setHeard([]);
  }, [queryClient, key, fresh]);

  // An empty list has no place to keep: its first runs appear by themselves.
  useEffect(() => {
    if (query.isSuccess && ids.length === 0 && fresh.length > 0) showFresh();
  }, [query.isSuccess, ids.length, fresh.length, showFresh]);

  return { query, ids, fresh: fresh.length, showFresh };
}

async function readPage(filter: RunsFilter, cursor: string | null, limit: number, signal?: AbortSignal): Promise<IdPage> {
  await settled();
  const began = readingBegins();
  const query = { ...queryOf(filter, nowUs()), cursor, limit };
  const page = await data(api.GET("/api/v1/runs", { params: { query }, signal: signal ?? null }));
  keepRuns(page.runs, began);
  return { ids: page.runs.map((run) => run.run_id), next: page.next };
}

/** Of some runs those that are not in a list, and not older than its newest. */
export function newer(runIds: readonly string[], list: readonly string[]): string[] {
  const { byId } = useRunStore.getState();
  const known = new Set(list);
  const newestUs = byId.get(list[0] ?? "")?.created_at_us ?? 0;
  return runIds.filter((id) => !known.has(id) && (byId.get(id)?.created_at_us ?? 0) >= newestUs);
}

function idsOf(found: InfiniteData<IdPage> | undefined): string[] {
  return found?.pages.flatMap((page) => page.ids) ?? [];
}
