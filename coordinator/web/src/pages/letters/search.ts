import type { Schemas } from "~/api/client";
import { RANGES, RANGE_NAMES, type Range } from "~/app/ranges";
import { list, oneOf, text } from "~/app/search";

export type Letter = Schemas["DeadLetterView"];
export type LetterState = Schemas["LetterState"];

export const LETTER_STATES: readonly LetterState[] = ["open", "redriven", "discarded"];

/** What the address of the dead letters says. */
export interface LettersSearch {
  /** Open ones unless told otherwise. */
  state?: LetterState | "any" | undefined;
  q?: string | undefined;
  range?: Range | undefined;
  at?: string | undefined;
  pick?: string[] | undefined;
  /** The body of the one that is shown, as bytes. */
  body?: "hex" | undefined;
}

export type LettersFilter = Pick<LettersSearch, "state" | "q" | "range">;

export function lettersSearch(search: Record<string, unknown>): LettersSearch {
  return {
    state: oneOf(search["state"], [...LETTER_STATES, "any"] as const),
    q: text(search["q"]),
    range: oneOf(search["range"], RANGE_NAMES),
    at: text(search["at"]),
    pick: list(search["pick"])?.slice(0, 200),
    body: oneOf(search["body"], ["hex"] as const),
  };
}

export function stateOf({ state }: LettersFilter): LetterState | undefined {
  return state === "any" ? undefined : (state ?? "open");
}

/** The filter but for its state, said again for what the stream tells; `nowUs` is where a range ends. */
export function matches(letter: Letter, { q, range }: LettersFilter, nowUs: number): boolean {
  const search = q?.toLowerCase();
  const { letter_id: id, subject, error } = letter;
  return (
    (!range || letter.received_at_us >= nowUs - RANGES[range] * 1e6) &&
    (!search || [id, subject, error.code, error.message, error.where].some((one) => one?.toLowerCase().includes(search)))
  );
}
