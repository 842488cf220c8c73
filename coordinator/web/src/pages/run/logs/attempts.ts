import { api, data } from "~/api/client";

import type { LogFilter } from "./lines";

/** The position of the first line of an attempt. Attempts of a node follow each other, so halving finds it. */
export async function firstOfAttempt(runId: string, filter: LogFilter, attempt: number, total: number): Promise<number | undefined> {
  let [low, high] = [0, total];
  while (low < high) {
    const middle = (low + high) >> 1;
    const line = await lineAt(runId, filter, middle);
    if (line === undefined) return undefined;
    if (line.line.attempt < attempt) low = middle + 1;
    else high = middle;
  }
  const found = await lineAt(runId, filter, low);
  return found?.line.attempt === attempt ? found.position : undefined;
}

async function lineAt(runId: string, filter: LogFilter, offset: number) {
  const page = await data(api.GET("/api/v1/runs/{run_id}/logs", { params: { path: { run_id: runId }, query: { ...filter, offset, limit: 1 } } }));
  return page.lines[0];
}
