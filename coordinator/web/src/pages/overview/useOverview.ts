import { keepPreviousData, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { api, data } from "~/api/client";
import { onFrames, settled } from "~/live/live";
import { keepRuns, readingBegins } from "~/live/runs";

import { WINDOWS, type WindowName } from "./search";

/** Failed runs that are looked at for their groups. */
const FAILED = 200;
const RUNNING = 50;

/** How often figures are summed anew while runs change: more seldom where one more run is a pixel. */
function everyMs(window: WindowName): number {
  return WINDOWS[window] <= 3600 ? 1000 : WINDOWS[window] <= 86_400 ? 5000 : 15_000;
}

/** The figures of a window: summed anew when runs have changed, at once after a rest, and as time goes on. */
export function useOverview(window: WindowName) {
  const queryClient = useQueryClient();
  const every = everyMs(window);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const again = () => {
      timer = undefined;
      last = Date.now();
      void queryClient.invalidateQueries({ queryKey: ["overview", window] });
    };
    const stop = onFrames("runs", () => {
      timer ??= setTimeout(again, Math.max(150, last + every - Date.now()));
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queryClient, window, every]);
  return useQuery({
    queryKey: ["overview", window],
    queryFn: async ({ signal }) => {
      await settled();
      const began = readingBegins();
      const found = await data(api.GET("/api/v1/overview", { params: { query: { window } }, signal }));
      keepRuns([...found.recent, ...found.failures], began);
      return found;
    },
    placeholderData: keepPreviousData,
    refetchInterval: Math.max(every, 15_000),
    refetchOnMount: "always",
  });
}

/** Puts the runs of a state into the store of runs, once; the stream keeps them true. */
export function useStocked(state: "running" | "failed", fromUs: number | null) {
  return useQuery({
    queryKey: ["overview runs", state, fromUs],
    queryFn: async ({ signal }) => {
      await settled();
      const began = readingBegins();
      const from = fromUs === null ? undefined : String(fromUs);
      const page = await data(api.GET("/api/v1/runs", { params: { query: { state: [state], from, limit: state === "failed" ? FAILED : RUNNING } }, signal }));
      keepRuns(page.runs, began);
      return { more: page.next !== null };
    },
    refetchOnMount: "always",
  });
}
