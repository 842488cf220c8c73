import { type MouseEvent, memo } from "react";

import type { Schemas } from "~/api/client";
import { clock, exact } from "~/time/format";

import classes from "./Logs.module.css";
import { piecesOf } from "./lines";

interface Props {
  view: Schemas["LogView"] | undefined;
  index: number;
  top: number;
  zone: string;
  q: string;
  selected: boolean;
  dim: boolean;
  select: (position: number) => void;
  measure: (element: HTMLElement | null) => void;
}

const SHORT: Record<string, string> = { warning: "warn", critical: "crit" };

/** One line: few elements, since many rows are in sight. Its time is its address. */
export const LogRow = memo(function LogRow({ view, index, top, zone, q, selected, dim, select, measure }: Props) {
  const place = { transform: `translateY(${top}px)` };
  if (!view) return <div ref={measure} data-index={index} className={classes.row} style={place} aria-hidden="true" />;
  const { line, position } = view;
  return (
    <div ref={measure} data-index={index} data-line={position} className={classes.row} style={place} data-level={line.level} data-selected={selected || undefined} data-dim={dim || undefined} aria-current={selected || undefined}>
      <a href={addressOf(position)} className={classes.time} tabIndex={-1} onClick={(event) => follow(event, () => select(position))} title={`Line ${(index + 1).toLocaleString("en")} · ${exact(line.at_us, zone)} · ${line.logger || line.stream || "logging"}`}>
        {clock(line.at_us, zone)}
      </a>
      <span className={classes.level}>{SHORT[line.level] ?? line.level}</span>
      <span className={classes.where}>{whereOf(line)}</span>
      <span className={classes.message}><Message text={line.message} q={q} /></span>
    </div>
  );
});

/** Goes there within the page, unless a new tab or window is asked for. */
function follow(event: MouseEvent, go: () => void): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go();
}

function Message({ text, q }: { text: string; q: string }) {
  return piecesOf(text, q).map(({ at, text: shown, found, style }) => {
    const marked = found ? <mark key={at}>{shown}</mark> : shown;
    if (Object.values(style).every((one) => one === undefined)) return marked;
    const { colour, bold, dim, italic, underline } = style;
    return (
      <span key={at} className={classes.styled} data-colour={colour} data-bold={bold} data-dim={dim} data-italic={italic} data-underline={underline}>
        {marked}
      </span>
    );
  });
}

export function whereOf(line: Schemas["LogLine"]): string {
  const item = line.item == null ? "" : `[${line.item}]`;
  return `${line.node}${item}${line.attempt > 1 ? ` #${line.attempt}` : ""}`;
}

function addressOf(position: number): string {
  const query = new URLSearchParams(globalThis.location.search);
  query.set("line", String(position));
  return `?${query}`;
}
