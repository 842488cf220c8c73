import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon } from "~/design/icons";

import classes from "./Panel.module.css";

/** What stands beside a page and tells of one thing in it. */
export function SidePanel({ title, label, onClose, children }: { title: string; label: string; onClose: () => void; children: ReactNode }) {
  return (
    <aside className={classes.panel} aria-label={label}>
      <header className={classes.head}>
        <h2 className={classes.name}>{title}</h2>
        <ActionIcon onClick={onClose} aria-label="Close">
          <Icon name="close" size={14} />
        </ActionIcon>
      </header>
      {children}
    </aside>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={classes.facts}>{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A part of a panel. Elsewhere it may stand below the page's own heading: `level` 2. */
export function Section({ title, level = 3, children }: { title: string; level?: 2 | 3; children: ReactNode }) {
  const Heading = `h${level}` as const;
  return (
    <div className={classes.section}>
      <Heading className={classes.title}>{title}</Heading>
      {children}
    </div>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className={classes.none}>{children}</p>;
}
