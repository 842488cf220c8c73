import { list, oneOf } from "~/app/search";

export const WINDOWS = { "15m": 15 * 60, "1h": 3600, "6h": 6 * 3600, "24h": 24 * 3600, "7d": 7 * 24 * 3600 } as const;
export type WindowName = keyof typeof WINDOWS;

export interface OverviewSearch {
  /** An hour unless told otherwise. */
  window?: WindowName | undefined;
  /** What the throughput counts: tasks unless told otherwise. */
  count?: "runs" | undefined;
  /** Charts that are shown as tables. */
  table?: string[] | undefined;
}

export function overviewSearch(search: Record<string, unknown>): OverviewSearch {
  return { window: oneOf(search["window"], Object.keys(WINDOWS) as WindowName[]), count: oneOf(search["count"], ["runs"] as const), table: list(search["table"]) };
}
