import { type InfiniteData, type QueryClient, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { RANGES } from "~/app/ranges";
import { onFrames, settled } from "~/live/live";
import { nowUs } from "~/time/now";

import { type Letter, type LettersFilter, matches, stateOf } from "./search";

const PAGE = 200;

type Pages = InfiniteData<Schemas["DeadLetterPage"]>;
const NONE: readonly Letter[] = [];

/** Dead letters, newest first: those that are shown are patched in place, new ones held back until asked for. */
export function useLetterList(filter: LettersFilter) {
  const queryClient = useQueryClient();
  const key = useMemo(() => ["letters", filter] as const, [filter]);
  const [held, setHeld] = useState(NONE);
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) => readPage(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => (isWithin(page.dead_letters.at(-1), filter) ? page.next : null),
    staleTime: Number.POSITIVE_INFINITY,
  });
  const letters = useMemo(() => query.data?.pages.flatMap((page) => page.dead_letters).filter((one) => isWithin(one, filter)) ?? NONE, [query.data, filter]);

  const hear = useCallback(
    (told: readonly Letter[]) => {
      const known = patch(queryClient, key, told);
      const added = told.filter((one) => !known.has(one.letter_id) && matches(one, filter, nowUs()) && (stateOf(filter) ?? one.state) === one.state);
      // Those that were held back may have changed, too.
      setHeld((old) => merge(old, told.filter((one) => old.some((kept) => kept.letter_id === one.letter_id)), added));
    },
    [queryClient, key, filter],
  );
  // What came while the list was being read is in both.
  const fresh = useMemo(() => held.filter((one) => !letters.some((read) => read.letter_id === one.letter_id)), [held, letters]);
  useEffect(() => setHeld(NONE), [key]);
  useEffect(() => onFrames("dead_letters", (frames) => hear(frames.flatMap((frame) => frame.dead_letters))), [hear]);
  useEffect(() => {
    // Coming back to a list that was read before: what changed meanwhile has not been told.
    if (queryClient.getQueryData(key) !== undefined) void readPage(filter, null).then((page) => hear(page.dead_letters));
  }, [queryClient, key, filter, hear]);

  const showFresh = useCallback(() => {
    const sorted = fresh.toSorted((a, b) => b.received_at_us - a.received_at_us);
    queryClient.setQueryData<Pages>(key, (old) => {
      const [first, ...others] = old?.pages ?? [];
      return old && first && { ...old, pages: [{ ...first, dead_letters: [...sorted, ...first.dead_letters] }, ...others] };
    });
    setHeld(NONE);
  }, [queryClient, key, fresh]);
  useEffect(() => {
    // An empty list has no place to keep.
    if (query.isSuccess && letters.length === 0 && fresh.length > 0) showFresh();
  }, [query.isSuccess, letters.length, fresh.length, showFresh]);
  return { query, letters, fresh: fresh.length, showFresh };
}

async function readPage(filter: LettersFilter, cursor: string | null, signal?: AbortSignal) {
  await settled();
  return data(api.GET("/api/v1/dead-letters", { params: { query: { state: stateOf(filter), q: filter.q, cursor, limit: PAGE } }, signal: signal ?? null }));
}

/** The API has no time range for letters: reading stops with the first one that is too old. */
function isWithin(letter: Letter | undefined, { range }: LettersFilter): boolean {
  return !range || letter === undefined || letter.received_at_us >= nowUs() - RANGES[range] * 1e6;
}

/** Puts what was told into the list; returns which letters it has. */
function patch(queryClient: QueryClient, key: readonly unknown[], told: readonly Letter[]): Set<string> {
  const byId = new Map(told.map((one) => [one.letter_id, one]));
  const known = new Set<string>();
  queryClient.setQueryData<Pages>(key, (old) => {
    if (!old) return old;
    const pages = old.pages.map((page) => {
      for (const one of page.dead_letters) known.add(one.letter_id);
      return page.dead_letters.some((one) => byId.has(one.letter_id)) ? { ...page, dead_letters: page.dead_letters.map((one) => byId.get(one.letter_id) ?? one) } : page;
    });
    return { ...old, pages };
  });
  return known;
}

function merge(old: readonly Letter[], changed: readonly Letter[], added: readonly Letter[]): readonly Letter[] {
  if (changed.length === 0 && added.length === 0) return old;
  return [...new Map([...old, ...changed, ...added].map((one) => [one.letter_id, one])).values()];
}
