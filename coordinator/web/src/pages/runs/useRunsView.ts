import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import { useLive } from "~/live/live";

import type { RunsAction } from "./RunsDialog";
import { type RunsFilter, type RunsSearch, filterOf } from "./search";
import { useRunList } from "./useRunList";

/** Writes the address of a list of runs. */
export type WriteSearch = (change: (old: RunsSearch) => RunsSearch, replace: boolean) => void;

export type RunsViewState = ReturnType<typeof useRunsView>;

/** A list of runs as its address says it; `workflow` when the list is of one workflow alone. */
export function useRunsView(search: RunsSearch, write: WriteSearch, workflow?: string) {
  const [asking, setAsking] = useState<RunsAction | null>(null);
  const key = JSON.stringify({ ...filterOf(search), ...(workflow === undefined ? {} : { workflow }) });
  const filter = useMemo(() => JSON.parse(key) as RunsFilter, [key]);
  useLive("topics=runs");
  const list = useRunList(filter);
  const latest = useRef(write);
  useEffect(() => {
    latest.current = write;
  });
  const setFilter = useCallback((change: RunsFilter) => latest.current((old) => ({ ...old, ...change, at: undefined, pick: undefined }), true), []);
  const place = useCallback((change: Pick<RunsSearch, "at" | "pick">) => latest.current((old) => ({ ...old, ...change }), true), []);
  const apply = useCallback((next: RunsFilter) => latest.current(() => next, false), []);
  const filtered = Object.entries(filter).some(([name, value]) => value !== undefined && !(name === "workflow" && workflow !== undefined));
  return { key, filter, filtered, workflow, at: search.at, picked: search.pick ?? NONE, list, setFilter, place, apply, asking, setAsking };
}

const NONE: readonly string[] = [];
