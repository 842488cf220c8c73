import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";

import { onFrames } from "./live";

/** Soon enough to seem at once; runs that end together are counted once. */
const SOON_MS = 150;

/** Counts anew what is counted over runs, while runs change: at once after a rest, and never more often than told. */
export function useAnew(key: QueryKey, everyMs: number): void {
  const queryClient = useQueryClient();
  const name = JSON.stringify(key);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    const again = () => {
      timer = undefined;
      last = Date.now();
      void queryClient.invalidateQueries({ queryKey: JSON.parse(name) as QueryKey });
    };
    const stop = onFrames("runs", () => {
      timer ??= setTimeout(again, Math.max(SOON_MS, last + everyMs - Date.now()));
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queryClient, name, everyMs]);
}
