import { Link, type LinkProps } from "@tanstack/react-router";

import classes from "./Tabs.module.css";

export interface Tab {
  label: string;
  to: LinkProps["to"];
  params?: Record<string, string>;
  count?: number;
}

/** Links that look like tabs: each has an address, so each can be opened, shared and gone back to. */
export function Tabs({ tabs, label }: { tabs: readonly Tab[]; label: string }) {
  return (
    <nav className={classes.tabs} aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.label} to={tab.to} params={(tab.params ?? {}) as never} className={classes.tab} activeProps={{ "aria-current": "page" }}>
          {tab.label}
          {tab.count !== undefined && <span className={classes.count}>{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}
