import type { IconName } from "~/design/icons";
import type { AnyState } from "~/design/states";

export interface PaletteEntry {
  key: string;
  label: string;
  hint: string;
  icon: IconName;
  state?: AnyState;
  keys?: string;
  /** Shown whatever is typed, at the end. */
  always?: boolean;
  run: () => void;
}

/** Entries that fit what was typed, the best first. Nothing typed: what the page can do. */
export function rank(entries: readonly PaletteEntry[], query: string): PaletteEntry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries.filter((entry) => entry.state === undefined && !entry.always);
  const scored = entries.flatMap((entry) => {
    const score = entry.always ? 0.1 : fit(entry, words);
    return score > 0 ? [{ entry, score }] : [];
  });
  return scored.toSorted((a, b) => b.score - a.score).map(({ entry }) => entry);
}

function fit(entry: PaletteEntry, words: readonly string[]): number {
  const label = entry.label.toLowerCase();
  const hint = entry.hint.toLowerCase();
  let total = 0;
  for (const word of words) {
    const at = label.indexOf(word);
    if (at === 0) total += 4;
    else if (at > 0) total += /[\s_.-]/.test(label[at - 1] ?? "") ? 3 : 2;
    else if (hint.includes(word)) total += 1;
    else return 0;
  }
  return total / words.length - label.length / 1000;
}
