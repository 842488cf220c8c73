import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, data } from "~/api/client";

import { onFrames, settled, useLive } from "./live";

const READ = { staleTime: Number.POSITIVE_INFINITY, refetchOnMount: "always" } as const;

/** All workers: read once, then told whole by the stream whenever one changes. */
export function useWorkers() {
  const queryClient = useQueryClient();
  useLive("topics=workers");
  useEffect(() => onFrames("workers", (frames) => void queryClient.setQueryData(["workers"], frames.at(-1))), [queryClient]);
  return useQuery({
    queryKey: ["workers"],
    queryFn: async ({ signal }) => {
      await settled();
      return data(api.GET("/api/v1/workers", { signal }));
    },
    ...READ,
  });
}

/** All queues, by priority: the same way, every 2 s while they change. */
export function useQueues() {
  const queryClient = useQueryClient();
  useLive("topics=queues");
  useEffect(() => onFrames("queues", (frames) => void queryClient.setQueryData(["queues"], frames.at(-1))), [queryClient]);
  return useQuery({
    queryKey: ["queues"],
    queryFn: async ({ signal }) => {
      await settled();
      return data(api.GET("/api/v1/queues", { signal }));
    },
    ...READ,
  });
}
