import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type ReactNode, useEffect, useImperativeHandle, useLayoutEffect, useRef } from "react";

import { useZone } from "~/settings/settings";

import { LogRow } from "./LogRow";
import classes from "./Logs.module.css";
import type { LogLines } from "./lines";

const ROW = 20;

export interface LogListHandle {
  show: (index: number) => void;
  /** The number of the line in the middle of what is in sight. */
  middle: () => number;
  focus: () => void;
}

interface Props {
  lines: LogLines;
  wrap: boolean;
  /** How many letters the place of a line needs. */
  whereWidth: number;
  q: string;
  selected: number | undefined;
  attempt: number | undefined;
  follow: boolean;
  setFollow: (follow: boolean) => void;
  select: (position: number) => void;
  end: ReactNode;
  handle: React.Ref<LogListHandle>;
}

/** Any number of lines, of which those in sight are in the page. What comes at the end moves nothing, unless it is followed. */
export function LogList({ lines, wrap, whereWidth, q, selected, attempt, follow, setFollow, select, end, handle }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const rows = useVirtualizer({ count: lines.total, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 6 });
  const shown = rows.getVirtualItems();
  const [from, upto] = [shown[0]?.index ?? 0, shown.at(-1)?.index ?? 0];
  useEffect(() => lines.need(from, upto));
  useLayoutEffect(() => rows.measure(), [rows, wrap]);

  const height = rows.getTotalSize();
  useLayoutEffect(() => {
    const element = scroller.current;
    if (follow && element) element.scrollTop = element.scrollHeight;
  }, [follow, height, lines.total]);
  const before = useRef({ top: 0, height: 0 });
  const onScroll = () => {
    const element = scroller.current;
    if (!element) return;
    const { scrollTop: top, scrollHeight, clientHeight } = element;
    // Only a person scrolls up; what shrinks or grows above does it with the height.
    if (follow && top < before.current.top - 1 && scrollHeight >= before.current.height) setFollow(false);
    else if (!follow && top > before.current.top && top + clientHeight >= scrollHeight - 2) setFollow(true);
    before.current = { top, height: scrollHeight };
  };

  useImperativeHandle(handle, () => ({
    show: (index) => rows.scrollToIndex(index, { align: "center" }),
    middle: () => Math.floor((from + upto) / 2),
    focus: () => scroller.current?.focus({ preventScroll: true }),
  }));
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls has to be reached by the keyboard
    <div ref={scroller} className={classes.scroller} data-wrap={wrap || undefined} onScroll={onScroll} role="log" aria-label="Log lines" aria-live="off" tabIndex={0}>
      <div className={classes.lines} style={{ height, "--where": `${whereWidth}ch` } as CSSProperties}>
        {shown.map((one) => {
          const view = lines.at(one.index);
          return (
            <LogRow
              key={one.key}
              view={view}
              index={one.index}
              top={one.start}
              zone={zone}
              q={q}
              selected={view !== undefined && view.position === selected}
              dim={attempt !== undefined && view !== undefined && view.line.attempt !== attempt}
              select={select}
              measure={rows.measureElement}
            />
          );
        })}
      </div>
      {end}
    </div>
  );
}
