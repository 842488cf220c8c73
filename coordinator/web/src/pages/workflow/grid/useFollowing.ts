import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import type { Scene, Sizes, Spot } from "./draw";

/** Columns that come before the others push them to the right: tells by how many. */
export function useOlder(columns: Scene["columns"], tell: (by: number) => void) {
  const first = useRef(columns[0]?.run.run_id);
  useLayoutEffect(() => {
    const before = first.current;
    first.current = columns[0]?.run.run_id;
    const by = before === first.current ? 0 : columns.findIndex((column) => column.run.run_id === before);
    if (by > 0) tell(by);
  }, [columns, tell]);
}

/** The newest run is at the right: who stands there keeps standing there; who does not stays, and is told how many came. */
export function useFollowing(scroller: RefObject<HTMLDivElement | null>, columns: Scene["columns"], sizes: Sizes, redraw: () => void, at: Spot | null) {
  const newest = columns.at(-1)?.run.run_id;
  const [seen, setSeen] = useState(newest);
  const atEnd = useRef(at === null);
  const show = useCallback(() => {
    scroller.current?.scrollTo({ left: scroller.current.scrollWidth });
    atEnd.current = true;
  }, [scroller]);
  const stay = useCallback((by: number) => void (atEnd.current || scroller.current?.scrollBy({ left: by * sizes.column })), [scroller, sizes]);
  useOlder(columns, stay);
  useLayoutEffect(() => {
    if (!atEnd.current) return;
    show();
    setSeen(newest);
    redraw();
  }, [columns.length, newest, sizes, show, redraw]);
  useEffect(() => {
    const element = scroller.current;
    const onScroll = () => {
      if (!element) return;
      atEnd.current = element.scrollLeft + element.clientWidth >= element.scrollWidth - sizes.column;
      if (atEnd.current) setSeen(newest);
    };
    element?.addEventListener("scroll", onScroll, { passive: true });
    return () => element?.removeEventListener("scroll", onScroll);
  }, [scroller, newest, sizes]);
  const last = columns.findLastIndex((column) => column.run.run_id === seen);
  return { count: last < 0 ? 0 : columns.length - 1 - last, show };
}
