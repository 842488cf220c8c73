import { stringifyExact } from "~/api/exact";

import { CopyButton } from "./Command";
import classes from "./Json.module.css";

/** A text in full, with a button that copies it. */
export function TextBlock({ text, label, wrap = true }: { text: string; label: string; wrap?: boolean }) {
  return (
    <div className={classes.block}>
      {/* Scrolled by the keyboard, too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={classes.text} data-wrap={wrap || undefined} tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
      <span className={classes.copy}>
        <CopyButton text={text} />
      </span>
    </div>
  );
}

export function Json({ value, label }: { value: unknown; label: string }) {
  return <TextBlock text={stringifyExact(value, 2)} label={label} />;
}
