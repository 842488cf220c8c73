import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { type Schemas, api, data } from "~/api/client";
import { onFrames, settled, useLive } from "~/live/live";
import { withRuns } from "~/pages/workflows/useWorkflows";

const RECOUNT_MS = 2_000;
/** Deployments are not told by the stream. */
const DEPLOYED_MS = 10_000;

/** A workflow as it is now, or was at a version, which never changes. */
export function useWorkflow(name: string, version: string | null = null) {
  return useQuery({
    queryKey: ["workflow", name, version],
    queryFn: async ({ signal }) => {
      await settled();
      return data(api.GET("/api/v1/workflows/{name}", { params: { path: { name }, query: version === null ? {} : { version } }, signal }));
    },
    staleTime: version === null ? 5_000 : Number.POSITIVE_INFINITY,
    placeholderData: keepPreviousData,
  });
}

/** The present version, its last runs and counts kept true while it is shown. */
export function useLiveWorkflow(name: string) {
  const queryClient = useQueryClient();
  useLive("topics=runs");
  const query = useWorkflow(name);
  useEffect(() => {
    const key = ["workflow", name, null];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const readAgain = () => void queryClient.invalidateQueries({ queryKey: key, exact: true });
    const stop = onFrames("runs", (frames) => {
      const runs = frames.flatMap((frame) => frame.runs.filter((run) => run.workflow === name));
      if (runs.length === 0) return;
      queryClient.setQueryData<Schemas["WorkflowDetail"]>(key, (old) => old && withRuns(old, runs));
      timer ??= setTimeout(() => {
        timer = undefined;
        readAgain();
      }, RECOUNT_MS);
    });
    const poll = setInterval(readAgain, DEPLOYED_MS);
    return () => {
      stop();
      clearTimeout(timer);
      clearInterval(poll);
    };
  }, [queryClient, name]);
  return query;
}

export function useVersions(name: string) {
  return useQuery({
    queryKey: ["workflow", name, "versions"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/workflows/{name}/versions", { params: { path: { name } }, signal })),
    refetchInterval: DEPLOYED_MS,
  });
}
