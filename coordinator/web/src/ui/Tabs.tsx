import { Link, type LinkProps, useLocation } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import classes from "./Tabs.module.css";

export interface Tab {
  label: string;
  to: LinkProps["to"];
  params?: Record<string, string>;
  /** What of the address goes along. */
  search?: Record<string, unknown>;
  count?: number;
}

/** Links that look like tabs: each has an address, so each can be opened, shared and gone back to. */
export function Tabs({ tabs, label }: { tabs: readonly Tab[]; label: string }) {
  const bar = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  // On a small screen the bar scrolls.
  useEffect(() => {
    bar.current?.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [pathname]);
  return (
    <nav ref={bar} className={classes.tabs} aria-label={label}>
      {tabs.map((tab) => (
        <Link key={tab.label} to={tab.to} params={(tab.params ?? {}) as never} search={(tab.search ?? {}) as never} activeOptions={{ includeSearch: false }} className={classes.tab} activeProps={{ "aria-current": "page" }}>
          {tab.label}
          {tab.count !== undefined && <span className={classes.count}>{tab.count}</span>}
        </Link>
      ))}
    </nav>
  );
}
