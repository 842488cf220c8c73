import { create } from "zustand";
import { persist } from "zustand/middleware";

import type { RunsFilter } from "./search";

export interface SavedView {
  name: string;
  filter: RunsFilter;
}

/** Views that everybody wants; a person's own come below them. */
export const GIVEN: readonly SavedView[] = [
  { name: "All runs", filter: {} },
  { name: "Running now", filter: { state: ["running"] } },
  { name: "Failed in 24 h", filter: { state: ["failed"], range: "24h" } },
];

interface Views {
  own: SavedView[];
  save: (view: SavedView) => void;
  remove: (name: string) => void;
}

export const useViews = create<Views>()(
  persist(
    (set) => ({
      own: [],
      save: (view) => set(({ own }) => ({ own: [...own.filter((one) => one.name !== view.name), view] })),
      remove: (name) => set(({ own }) => ({ own: own.filter((one) => one.name !== name) })),
    }),
    { name: "headrace.views.runs" },
  ),
);

export function sameFilter(one: RunsFilter, other: RunsFilter): boolean {
  const canonical = (filter: RunsFilter) => JSON.stringify(Object.entries(filter).filter(([, value]) => value !== undefined).sort());
  return canonical(one) === canonical(other);
}
