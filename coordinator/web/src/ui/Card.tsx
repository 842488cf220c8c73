import type { ReactNode } from "react";

import classes from "./Card.module.css";

interface Props {
  title: string;
  /** Beside the heading: a count, a link, a switch. */
  aside?: ReactNode;
  children: ReactNode;
  className?: string | undefined;
}

/** A part of a page with a heading of its own. */
export function Card({ title, aside, children, className }: Props) {
  return (
    <section className={[classes.card, className].filter(Boolean).join(" ")} aria-label={title}>
      <header className={classes.head}>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** Says in a card that there is nothing, and why that is well or what to do. */
export function Nothing({ children }: { children: ReactNode }) {
  return <div className={classes.nothing}>{children}</div>;
}
