import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { create } from "zustand";

import { type Schemas, api, data } from "~/api/client";
import { onFrames, settled, useLive } from "~/live/live";
import { keepRuns, readingBegins, useRun } from "~/live/runs";

import { patchActivity, patchRun } from "./patch";

const SOON_MS = 800;

type NodeView = Schemas["NodeView"];

/** Nodes of the run that is shown, by id: each node on the screen reads itself. */
const useNodeStore = create<{ byId: ReadonlyMap<string, NodeView> }>(() => ({ byId: new Map() }));

export function useNode(id: string): NodeView | undefined {
  return useNodeStore((nodes) => nodes.byId.get(id));
}

export function runKey(runId: string) {
  return ["run", runId] as const;
}

/**
 * A run with its nodes: read once, then patched by the stream at once, and read again soon after for what the stream
 * does not carry (attempts, progress of maps).
 */
export function useRunDetail(runId: string) {
  const queryClient = useQueryClient();
  useLive("topics=runs");
  useLive(`run=${runId}`);
  const query = useQuery({
    queryKey: runKey(runId),
    queryFn: async ({ signal }) => {
      await settled();
      const began = readingBegins();
      const run = await data(api.GET("/api/v1/runs/{run_id}", { params: { path: { run_id: runId } }, signal }));
      keepRuns([run], began);
      return run;
    },
    staleTime: 5_000,
    // Items of a map end without a word on the stream.
    refetchInterval: ({ state }) => (state.data?.nodes.some((node) => node.state === "mapping" || node.state === "collecting") ? 1_000 : false),
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const readSoon = () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void queryClient.invalidateQueries({ queryKey: runKey(runId), exact: true });
      }, SOON_MS);
    };
    const stopChanges = onFrames("changes", (frames) => {
      const batches = frames.flatMap((frame) => frame.changes.filter((batch) => batch.run_id === runId));
      if (batches.length === 0) return;
      queryClient.setQueryData<Schemas["RunDetail"]>(runKey(runId), (old) => old && patchRun(old, batches));
      readSoon();
    });
    const stopActivity = onFrames("activity", (frames) => {
      const told = frames.flatMap((frame) => frame.activity).findLast((one) => one.run_id === runId);
      if (told) queryClient.setQueryData<Schemas["RunDetail"]>(runKey(runId), (old) => old && patchActivity(old, told));
    });
    const stopRuns = onFrames("runs", (frames) => {
      if (frames.some((frame) => frame.runs.some((run) => run.run_id === runId))) readSoon();
    });
    return () => {
      stopChanges();
      stopRuns();
      stopActivity();
      clearTimeout(timer);
    };
  }, [queryClient, runId]);
  useEffect(() => {
    useNodeStore.setState({ byId: new Map(query.data?.nodes.map((node) => [node.node, node])) });
  }, [query.data]);
  const summary = useRun(runId);
  return { query, run: query.data, summary: summary ?? query.data };
}
