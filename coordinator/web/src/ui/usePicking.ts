import { useCallback, useRef } from "react";

/** As many as one address holds; more are cancelled by their filter. */
export const MOST_PICKED = 200;

/** Selecting rows: one, a stretch from the last one, or all that are shown. */
export function usePicking(ids: readonly string[], picked: readonly string[], place: (change: { pick: string[] | undefined }) => void) {
  const anchor = useRef<string | null>(null);
  const set = useCallback((next: readonly string[]) => place({ pick: next.length > 0 ? next.slice(0, MOST_PICKED) : undefined }), [place]);
  const toggle = useCallback(
    (id: string) => {
      anchor.current = id;
      set(picked.includes(id) ? picked.filter((one) => one !== id) : [...picked, id]);
    },
    [picked, set],
  );
  const extend = useCallback(
    (id: string) => {
      const [from, to] = [ids.indexOf(anchor.current ?? id), ids.indexOf(id)].toSorted((a, b) => a - b);
      set([...new Set([...picked, ...ids.slice(from, (to ?? 0) + 1)])]);
    },
    [ids, picked, set],
  );
  const toggleAll = useCallback((on: boolean) => set(on ? ids.slice(0, MOST_PICKED) : []), [ids, set]);
  return { toggle, extend, toggleAll };
}
