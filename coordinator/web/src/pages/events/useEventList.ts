import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { onFrames, settled } from "~/live/live";
import { nowUs } from "~/time/now";

import { type EventView, type EventsFilter, matches, queryOf } from "./search";

const FIRST_PAGE = 100;
const NEXT_PAGE = 500;

type EventPage = Schemas["EventPage"];
const NONE: readonly EventView[] = [];

/** The events, newest first: pages read once, new ones held back until asked for. Events never change. */
export function useEventList(filter: EventsFilter) {
  const queryClient = useQueryClient();
  const key = useMemo(() => ["events", filter] as const, [filter]);
  const [held, setHeld] = useState(NONE);
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => readPage(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: EventPage) => page.next,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const events = useMemo(() => query.data?.pages.flatMap((page) => page.events) ?? NONE, [query.data]);
  const hold = useCallback(
    (found: readonly EventView[]) => {
      const newest = newestOf(queryClient.getQueryData(key));
      setHeld((old) => {
        const known = Math.max(newest, old[0]?.position ?? 0);
        const added = found.filter((one) => one.position > known && matches(one, filter)).toSorted((a, b) => b.position - a.position);
        return added.length > 0 ? [...added, ...old] : old;
      });
    },
    [queryClient, key, filter],
  );
  // What arrived while the page was being read is in both.
  const fresh = useMemo(() => held.filter((one) => one.position > newestOf(query.data)), [held, query.data]);
  useEffect(() => setHeld(NONE), [key]);
  useEffect(() => onFrames("events", (frames) => hold(frames.flatMap((frame) => frame.events))), [hold]);
  useEffect(() => {
    // Coming back to a list that was read before: what arrived meanwhile is new as well.
    if (queryClient.getQueryData(key) !== undefined) void readPage(filter, null).then((page) => hold(page.events));
  }, [queryClient, key, filter, hold]);

  const showFresh = useCallback(() => {
    queryClient.setQueryData<InfiniteData<EventPage>>(key, (old) => {
      const [first, ...others] = old?.pages ?? [];
      return old && first && { ...old, pages: [{ ...first, events: [...fresh, ...first.events] }, ...others] };
    });
    setHeld(NONE);
  }, [queryClient, key, fresh]);
  useEffect(() => {
    // An empty list has no place to keep.
    if (query.isSuccess && events.length === 0 && fresh.length > 0) showFresh();
  }, [query.isSuccess, events.length, fresh.length, showFresh]);
  return { query, events, fresh: fresh.length, showFresh };
}

async function readPage(filter: EventsFilter, cursor: string | null, signal?: AbortSignal): Promise<EventPage> {
  await settled();
  const query = { ...queryOf(filter, nowUs()), cursor, limit: cursor ? NEXT_PAGE : FIRST_PAGE };
  return data(api.GET("/api/v1/events", { params: { query }, signal: signal ?? null }));
}

function newestOf(found: InfiniteData<EventPage> | undefined): number {
  return found?.pages.find((page) => page.events.length > 0)?.events[0]?.position ?? 0;
}
