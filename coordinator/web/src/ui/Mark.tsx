import type { ReactNode } from "react";

import type { Hue } from "~/design/states";

import classes from "./Mark.module.css";

interface Props {
  label: string;
  hue: Hue;
  /** Strokes on a grid of 14: each state has a shape of its own. */
  shape: ReactNode;
  /** Told by the tooltip. */
  means: string;
}

/** The state of something that is no run, in a word with its sign. */
export function Mark({ label, hue, shape, means }: Props) {
  return (
    <span className={classes.mark} title={means}>
      <svg width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="currentColor" strokeWidth={1.5} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false" style={{ color: `var(--state-${hue})` }}>
        {shape}
      </svg>
      {label}
    </span>
  );
}
