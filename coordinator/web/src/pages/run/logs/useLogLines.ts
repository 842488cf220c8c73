import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";

import { api, data } from "~/api/client";
import { onFrames, settled, useLive } from "~/live/live";

import { type LogFilter, LogLines } from "./lines";

/** The lines of a run that fit; opens at `line` if the address names one. */
export function useLogLines(runId: string, { node, item, level }: LogFilter, line: number | undefined): LogLines {
  useLive(`logs=${runId}`);
  const first = useRef(line);
  const lines = useMemo(
    () =>
      new LogLines({ node, item, level }, async (place, limit) => {
        await settled();
        return data(api.GET("/api/v1/runs/{run_id}/logs", { params: { path: { run_id: runId }, query: { node, item, level, limit, ...place } } }));
      }),
    [runId, node, item, level],
  );
  useEffect(() => {
    void lines.open(first.current);
    const stopLines = onFrames("logs", (frames) => lines.hear(frames.flatMap((frame) => frame.lines.filter((one) => one.line.run_id === runId))));
    const stopReset = onFrames("reset", () => void lines.open());
    return () => {
      stopLines();
      stopReset();
      lines.close();
    };
  }, [lines, runId]);
  useSyncExternalStore(lines.subscribe, () => lines.version);
  return lines;
}
