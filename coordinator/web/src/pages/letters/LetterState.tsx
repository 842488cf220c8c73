import type { ReactNode } from "react";

import type { Hue } from "~/design/states";
import { Mark } from "~/ui/Mark";

import type { LetterState as State } from "./search";

/** What became of a letter. */
export const LOOKS: Record<State, { label: string; hue: Hue; shape: ReactNode; means: string }> = {
  open: { label: "Open", hue: "failed", shape: <path d="M1.500 3h11v8h-11zM1.500 4 7 8l5.500-4" />, means: "Nobody has decided about it." },
  redriven: { label: "Redriven", hue: "succeeded", shape: <path d="M12 7a5 5 0 1 1-1.500-3.600M10.900 0.900v2.800H8.100" />, means: "It was published again on its subject." },
  discarded: { label: "Discarded", hue: "cancelled", shape: <path d="M2 4h10M5.500 4V2h3v2M3.500 4l.7 8.500h5.600l.7-8.500" />, means: "It was put aside for good." },
};

export function LetterState({ state }: { state: State }) {
  return <Mark {...LOOKS[state]} />;
}
