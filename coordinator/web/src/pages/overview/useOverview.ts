import { keepPreviousData, useQuery } from "@tanstack/react-query";

import { api, data } from "~/api/client";
import { useAnew } from "~/live/anew";
import { settled } from "~/live/live";
import { keepRuns, readingBegins } from "~/live/runs";

import { WINDOWS, type WindowName } from "./search";

/** Failed runs that are looked at for their groups. */
const FAILED = 200;
const RUNNING = 50;

/** How often figures are summed anew while runs change: more seldom where one more run is a pixel. */
function everyMs(window: WindowName): number {
  return WINDOWS[window] <= 3600 ? 700 : WINDOWS[window] <= 86_400 ? 5000 : 15_000;
}

/** The figures of a window: summed anew when runs have changed, at once after a rest, and as time goes on. */
export function useOverview(window: WindowName) {
  const every = everyMs(window);
  const key = ["overview", window];
  useAnew(key, every);
  return useQuery({
    queryKey: key,
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
