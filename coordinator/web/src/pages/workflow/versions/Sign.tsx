import type { CSSProperties } from "react";

import classes from "./Versions.module.css";
import type { Change } from "./diff";

const HUES: Record<Change, string> = { added: "succeeded", removed: "failed", changed: "retrying" };
const SIGNS: Record<Change, string> = { added: "+", removed: "−", changed: "~" };

export function Sign({ change }: { change: Change }) {
  return (
    <span className={classes.sign} style={hueOfChange(change)} role="img" aria-label={change}>
      {SIGNS[change]}
    </span>
  );
}

export function hueOfChange(change: Change): CSSProperties {
  return { "--hue": `var(--state-${HUES[change]})` } as CSSProperties;
}
