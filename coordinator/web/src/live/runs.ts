import { useMemo } from "react";
import { create } from "zustand";

import type { RunSummary } from "./frames";
import { onFrames } from "./live";

/**
 * Every run this tab knows, by id. Lists hold ids and rows read from here, so a change of one run redraws one row.
 * The map is changed in place; `tick` tells that something in it is new.
 */
interface Runs {
  byId: Map<string, RunSummary>;
  tick: number;
}

export const useRunStore = create<Runs>(() => ({ byId: new Map(), tick: 0 }));
const heardAt = new Map<string, number>();
let clock = 0;

export function useRun(runId: string): RunSummary | undefined {
  return useRunStore((runs) => runs.byId.get(runId));
}

/** To be taken before runs are asked for: what the stream tells meanwhile is newer than the answer. */
export function readingBegins(): number {
  return clock;
}

/** Keeps runs that were read. */
export function keepRuns(runs: readonly RunSummary[], began: number): void {
  const { byId } = useRunStore.getState();
  for (const run of runs) {
    if ((heardAt.get(run.run_id) ?? 0) <= began) byId.set(run.run_id, run);
  }
  useRunStore.setState((old) => ({ tick: old.tick + 1 }));
}

/** Keeps runs that the stream told. */
export function hearRuns(runs: readonly RunSummary[]): void {
  const { byId } = useRunStore.getState();
  clock += 1;
  for (const run of runs) {
    byId.set(run.run_id, run);
    heardAt.set(run.run_id, clock);
  }
  useRunStore.setState((old) => ({ tick: old.tick + 1 }));
}

export function forgetRuns(): void {
  heardAt.clear();
  useRunStore.getState().byId.clear();
  useRunStore.setState((old) => ({ tick: old.tick + 1 }));
}

onFrames("runs", (frames) => hearRuns(frames.flatMap((frame) => frame.runs)));

/** Runs that this tab knows and that fit, newest first: for a few of them, beside a list that was read. */
export function useKnownRuns(fits: (run: RunSummary) => boolean): RunSummary[] {
  const tick = useRunStore((runs) => runs.tick);
  return useMemo(
    () => [...useRunStore.getState().byId.values()].filter(fits).toSorted((a, b) => b.created_at_us - a.created_at_us),
    // The map is changed in place: the tick tells when.
    // oxlint-disable-next-line react/exhaustive-deps
    [tick, fits],
  );
}
