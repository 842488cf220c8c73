import { type ReactNode, useEffect } from "react";

import classes from "./Page.module.css";

/** The frame of a page: one heading, what acts on the page beside it, then bars and a body that scrolls. */
export function Page({ title, heading, actions, children }: { title: string; heading?: ReactNode; actions?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · Headrace`;
  }, [title]);
  return (
    <div className={classes.page}>
      <div className={classes.top}>
        <h1 className={classes.title}>{heading ?? title}</h1>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** A row of controls under the heading. */
export function Bar({ children, label }: { children: ReactNode; label: string }) {
  return (
    <div className={classes.bar} role="toolbar" aria-label={label}>
      {children}
    </div>
  );
}

export function Body({ children }: { children: ReactNode }) {
  return <div className={classes.body}>{children}</div>;
}
