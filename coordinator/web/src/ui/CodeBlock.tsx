import { useMemo } from "react";

import classes from "./CodeBlock.module.css";
import { CopyButton } from "./Command";
import { linesOf } from "./python";

interface Props {
  text: string;
  /** What it is: named beside the copy button. */
  label: string;
  /** As high as the space that it is in, instead of as its text. */
  fill?: boolean;
}

/** Python to read and copy, with numbered lines. */
export function CodeBlock({ text, label, fill = false }: Props) {
  const lines = useMemo(() => linesOf(text), [text]);
  return (
    <figure className={classes.block} data-fill={fill || undefined}>
      <figcaption className={classes.head}>
        <span>{label}</span>
        <CopyButton text={text} label={`Copy ${label}`} />
      </figcaption>
      {/* The keyboard scrolls it. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre className={classes.text} tabIndex={0} aria-label={label}>
        <code>
          {lines.map(({ at, stretches }) => (
            <span key={at} className={classes.line}>
              {stretches.map((one) => (one.kind === "plain" ? one.text : <span key={one.at} data-kind={one.kind}>{one.text}</span>))}
              {"\n"}
            </span>
          ))}
        </code>
      </pre>
    </figure>
  );
}
