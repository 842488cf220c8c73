import type { CSSProperties, ReactNode } from "react";

import classes from "./State.module.css";
import { type AnyState, lookOf } from "./states";

/** Each state has a shape of its own: nobody needs the colour to tell them apart. */
const SHAPES: Record<AnyState, ReactNode> = {
  running: <Turning />,
  dispatched: <Turning />,
  mapping: <><circle cx="7" cy="7" r="5.400" opacity="0.35" /><path d="M7 1.600a5.400 5.400 0 0 1 5.400 5.400" /><path d="M4.500 7h5M7 4.500v5" /></>,
  collecting: <><path d="M2.300 3.300 7 6.200l4.700-2.900M7 6.200v5.600" /><circle cx="7" cy="11.500" r="0.900" /></>,
  succeeded: <><circle cx="7" cy="7" r="6" fill="currentColor" stroke="none" /><path d="m4.200 7.200 2 2 3.700-4.200" stroke="var(--panel)" /></>,
  failed: <><path d="M4.500 1h5L13 4.500v5L9.500 13h-5L1 9.500v-5z" fill="currentColor" stroke="none" /><path d="m4.800 4.800 4.400 4.400M9.200 4.800 4.800 9.200" stroke="var(--panel)" /></>,
  cancelled: <><circle cx="7" cy="7" r="5.300" /><path d="m3.400 10.600 7.200-7.200" /></>,
  retrying: <><path d="M12 7a5 5 0 1 1-1.500-3.600" /><path d="M10.900 0.900v2.800H8.100" /></>,
  waiting: <circle cx="7" cy="7" r="5.300" strokeDasharray="2.200 2.130" />,
  ready: <><circle cx="7" cy="7" r="5.300" strokeDasharray="2.200 2.130" /><circle cx="7" cy="7" r="1.700" fill="currentColor" stroke="none" /></>,
  upstream_failed: <><path d="M2 7h6.500M6 4.200 8.800 7 6 9.800" /><path d="M11.800 2.500v9" /></>,
  lost: <><path d="M4.600 2.600a5.300 5.300 0 1 0 4.800 0" /><path d="M7 0.900v5.600" /></>,
  ignored: <><circle cx="7" cy="7" r="5.300" /><path d="M4.300 7h5.400" /></>,
};

function Turning() {
  return (
    <g>
      <circle cx="7" cy="7" r="5.300" opacity="0.3" />
      <path d="M7 1.700A5.300 5.300 0 0 1 12.300 7" className={classes.spin} />
      <circle cx="7" cy="7" r="1.700" fill="currentColor" stroke="none" />
    </g>
  );
}

export function hueOf(state: AnyState): CSSProperties {
  return { "--hue": `var(--state-${lookOf(state).hue})` } as CSSProperties;
}

export function StateIcon({ state, size = 14, label }: { state: AnyState; size?: number; label?: boolean }) {
  return (
    <svg
      className={classes.icon}
      style={hueOf(state)}
      width={size}
      height={size}
      viewBox="0 0 14 14"
      fill="none"
      stroke="currentColor"
      strokeWidth={1.5}
      strokeLinecap="round"
      strokeLinejoin="round"
      focusable="false"
      {...(label ? { role: "img", "aria-label": lookOf(state).label } : { "aria-hidden": true })}
    >
      {SHAPES[state]}
    </svg>
  );
}

/** The state in a word, with its icon. */
export function StateBadge({ state, children }: { state: AnyState; children?: ReactNode }) {
  return (
    <span className={classes.badge} data-state={state}>
      <StateIcon state={state} />
      {children ?? lookOf(state).label}
    </span>
  );
}
