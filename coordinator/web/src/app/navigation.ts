import type { IconName } from "~/design/icons";

/** What the left navigation, the `g …` keys and the palette list. A page is linked here once it works. */
export interface Destination {
  label: string;
  to: string;
  icon: IconName;
  /** After `g`. */
  key: string;
}

export const DESTINATIONS: readonly Destination[] = [
  { label: "Overview", to: "/", icon: "overview", key: "o" },
  { label: "Runs", to: "/runs", icon: "runs", key: "r" },
  { label: "Workflows", to: "/workflows", icon: "workflow", key: "w" },
  { label: "Events", to: "/events", icon: "event", key: "e" },
  { label: "Workers", to: "/workers", icon: "worker", key: "k" },
  { label: "Queues", to: "/queues", icon: "queue", key: "q" },
  { label: "Dead letters", to: "/dead-letters", icon: "letter", key: "d" },
  { label: "Settings", to: "/settings", icon: "settings", key: "s" },
];
