import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "auto" | "light" | "dark";
export type Density = "normal" | "compact";
export type Times = "relative" | "absolute";

interface Settings {
  theme: Theme;
  density: Density;
  times: Times;
  /** An IANA zone; empty is the browser's own. */
  zone: string;
  navigationFolded: boolean;
  set: (change: Partial<Omit<Settings, "set">>) => void;
}

/** What a person chose, kept in this browser. `public/appearance.js` reads it before the first paint. */
export const useSettings = create<Settings>()(
  persist(
    (set) => ({
      theme: "auto",
      density: "normal",
      times: "relative",
      zone: "",
      navigationFolded: false,
      set: (change) => set(change),
    }),
    { name: "headrace.settings" },
  ),
);

export const BROWSER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function useZone(): string {
  return useSettings((settings) => settings.zone) || BROWSER_ZONE;
}
