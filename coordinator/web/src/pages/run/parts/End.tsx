import type { ReactNode } from "react";

import classes from "./End.module.css";

/** What stands behind the last row: that it is the last, or how to see more. */
export function End({ children }: { children: ReactNode }) {
  return (
    <div className={classes.end} role="status">
      {children}
    </div>
  );
}
