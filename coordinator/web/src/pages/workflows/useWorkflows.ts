import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { type Schemas, api, data } from "~/api/client";
import type { RunSummary } from "~/live/frames";
import { onFrames, settled, useLive } from "~/live/live";

const KEY = ["workflows"] as const;
const RECOUNT_MS = 2_000;
/** Deployments are not told by the stream. */
const DEPLOYED_MS = 10_000;
const LAST_RUNS = 5;

/** Every workflow. Its last runs follow the stream at once; how many there are of each state is counted anew soon after. */
export function useWorkflows() {
  const queryClient = useQueryClient();
  useLive("topics=runs");
  const query = useQuery({
    queryKey: KEY,
    queryFn: async ({ signal }) => {
      await settled();
      return data(api.GET("/api/v1/workflows", { signal }));
    },
    refetchInterval: DEPLOYED_MS,
  });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const recount = () => {
      timer = undefined;
      void queryClient.invalidateQueries({ queryKey: KEY, exact: true });
    };
    const stop = onFrames("runs", (frames) => {
      const runs = frames.flatMap((frame) => frame.runs);
      queryClient.setQueryData<Schemas["WorkflowList"]>(KEY, (old) => old && { workflows: old.workflows.map((one) => withRuns(one, runs)) });
      timer ??= setTimeout(recount, RECOUNT_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queryClient]);
  return query;
}

/** A workflow after what was told of runs; itself when none of them is one of its last. */
export function withRuns<Summary extends Schemas["WorkflowSummary"]>(workflow: Summary, told: readonly RunSummary[]): Summary {
  const mine = told.filter((run) => run.workflow === workflow.name);
  if (mine.length === 0) return workflow;
  const byId = new Map([...workflow.last_runs, ...mine].map((run) => [run.run_id, run]));
  const last = [...byId.values()].sort((a, b) => b.created_at_us - a.created_at_us).slice(0, LAST_RUNS);
  return { ...workflow, last_runs: last };
}
