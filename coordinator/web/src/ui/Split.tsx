import { type ReactNode, useCallback, useRef } from "react";

import classes from "./Split.module.css";

/** A list, and beside it what is known of the row that the keyboard is on. */
export function Split({ children, side }: { children: ReactNode; side: ReactNode }) {
  return (
    <div className={classes.split} data-side={side ? true : undefined}>
      <div className={classes.main}>{children}</div>
      {side}
    </div>
  );
}

/** For Enter on a row: the focus goes into the side panel. */
export function useFocusSide() {
  const holder = useRef<HTMLDivElement>(null);
  const focusSide = useCallback(() => {
    // The panel of a row that was not shown yet comes with the next frame.
    requestAnimationFrame(() => holder.current?.querySelector<HTMLElement>("aside a[href], aside button")?.focus());
  }, []);
  return { holder, focusSide };
}
