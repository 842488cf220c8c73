import type { ReactNode } from "react";

import classes from "./Split.module.css";

/** What a tab shows, with particulars of what is selected beside it (below it on a small screen). */
export function Split({ children, panel }: { children: ReactNode; panel: ReactNode }) {
  return (
    <div className={classes.split} data-panel={panel ? true : undefined}>
      <div className={classes.main}>{children}</div>
      {panel}
    </div>
  );
}
