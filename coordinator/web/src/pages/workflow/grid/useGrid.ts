import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, data } from "~/api/client";
import { onFrames, settled, subscribe } from "~/live/live";

import { type Model, merged, modelOf, movingIds, movingReach, withChanges, withRunStates } from "./model";

/** Runs whose nodes are followed one by one; those beyond are read again soon after. */
const MOST_FOLLOWED = 30;
const LEAST_READ = 10;
/** What is on the screen first, while more is being read. */
const FIRST_READ = 100;
const SOON_MS = 100;
const AGAIN_MS = 600;

/** The grid of a workflow: read once, then patched by the stream; of runs that move, the newest columns are read again. */
export function useGrid(name: string, runs: number) {
  const queryClient = useQueryClient();
  const query = useQuery({
    queryKey: ["workflow", name, "grid", runs],
    queryFn: async ({ signal, queryKey }) => {
      await settled();
      const all = readGrid(name, runs, signal);
      if (runs > FIRST_READ && queryClient.getQueryData(queryKey) === undefined) {
        const first = modelOf(await readGrid(name, FIRST_READ, signal));
        queryClient.setQueryData<Model>(queryKey, (old) => old ?? first);
      }
      return modelOf(await all);
    },
    staleTime: 5_000,
    // Columns are compared by identity; a deep comparison of 100,000 cells would only cost time.
    structuralSharing: false,
  });
  useEffect(() => {
    const key = ["workflow", name, "grid", runs];
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let readAt = 0;
    const patch = (change: (old: Model) => Model) => queryClient.setQueryData<Model>(key, (old) => old && change(old));
    const readNewest = async () => {
      timer = undefined;
      readAt = performance.now();
      const old = queryClient.getQueryData<Model>(key);
      if (!old) return;
      const newest = await readGrid(name, movingReach(old, LEAST_READ, runs), abort.signal);
      patch((model) => merged(model, newest));
    };
    const readSoon = () => {
      // Without an answer the next frame asks again.
      timer ??= setTimeout(() => void readNewest().catch(() => undefined), Math.max(SOON_MS, readAt + AGAIN_MS - performance.now()));
    };
    const stopRuns = onFrames("runs", (frames) => {
      const mine = frames.flatMap((frame) => frame.runs.filter((run) => run.workflow === name));
      if (mine.length === 0) return;
      patch((model) => withRunStates(model, mine));
      readSoon();
    });
    const stopChanges = onFrames("changes", (frames) => patch((model) => withChanges(model, frames.flatMap((frame) => frame.changes))));
    return () => {
      stopRuns();
      stopChanges();
      clearTimeout(timer);
      abort.abort();
    };
  }, [queryClient, name, runs]);

  const followed = query.data ? movingIds(query.data, MOST_FOLLOWED).join(" ") : "";
  useEffect(() => {
    const stops = followed.split(" ").filter(Boolean).map((runId) => subscribe(`run=${runId}`));
    return () => stops.forEach((stop) => stop());
  }, [followed]);
  return query;
}

function readGrid(name: string, runs: number, signal: AbortSignal) {
  return data(api.GET("/api/v1/workflows/{name}/grid", { params: { path: { name }, query: { runs } }, signal }));
}
