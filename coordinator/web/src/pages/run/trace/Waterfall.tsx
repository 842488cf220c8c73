import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef } from "react";

import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { useSettings } from "~/settings/settings";
import { duration } from "~/time/format";

import classes from "./Waterfall.module.css";
import type { Row } from "./rows";

interface Props {
  rows: readonly Row[];
  lengthS: number;
  selected: string | undefined;
  select: (row: Row) => void;
}

export function Waterfall({ rows, lengthS, selected, select }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const density = useSettings((settings) => settings.density);
  const height = density === "compact" ? 22 : 27;
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => height, overscan: 8, paddingStart: 30, getItemKey: (index) => rows[index]?.span_id ?? index });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  const at = rows.findIndex((row) => row.span_id === selected);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at, { align: "auto" });
  }, [at, virtual]);
  const length = Math.max(1e-6, lengthS);
  return (
    <div ref={scroller} className={classes.scroller} style={{ "--row-height": `${height}px` } as React.CSSProperties}>
      <div className={classes.content} style={{ height: virtual.getTotalSize() }}>
        <div className={classes.axis}>
          <span className={classes.axisName}>Span</span>
          <div className={classes.axisPlot} aria-hidden="true">
            {[0, 0.25, 0.5, 0.75].map((part) => (
              <span key={part} style={{ left: `${part * 100}%` }}>
                {part === 0 ? "0" : duration(part * length * 1e6)}
              </span>
            ))}
          </div>
        </div>
        <div className={classes.grid} aria-hidden="true">
          {[0, 25, 50, 75].map((left) => (
            <i key={left} style={{ left: `${left}%` }} />
          ))}
        </div>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return row && <WaterfallRow key={item.key} row={row} top={item.start} length={length} selected={row.span_id === selected} select={select} />;
        })}
      </div>
    </div>
  );
}

function WaterfallRow({ row, top, length, selected, select }: { row: Row; top: number; length: number; selected: boolean; select: (row: Row) => void }) {
  const [left, width] = [(row.offset_s / length) * 100, (row.duration_s / length) * 100];
  // An attempt's span begins at work: the queue lies before it.
  const wait = row.attempts === null ? ((row.queue_wait_s ?? 0) / length) * 100 : 0;
  const end = 100 - left - width;
  const beside = end > 18 ? { left: `calc(${left + width}% + 6px)` } : left > 18 ? { right: `calc(${100 - left}% + 6px)` } : { right: `calc(${end}% + 4px)` };
  return (
    <div className={classes.row} style={{ transform: `translateY(${top}px)` }} data-selected={selected || undefined} data-critical={row.critical || undefined} data-status={row.status} data-service={row.service}>
      <div className={classes.label} style={{ paddingLeft: `calc(var(--gutter) + ${Math.min(8, row.depth) * 14}px)` }}>
        <button type="button" className={classes.name} aria-pressed={selected} onClick={() => select(row)} title={row.name}>
          {row.name}
          {row.critical && <span className="visually-hidden">, on the critical path</span>}
        </button>
        {row.status === "error" && <Icon name="warning" size={12} className={classes.warning} role="img" aria-hidden={false} aria-label="Failed" />}
        {row.status === "lost" && <StateIcon state="lost" size={12} label />}
      </div>
      <div className={classes.plot}>
        {wait > 0.2 && <span className={classes.wait} style={{ left: `${left - wait}%`, width: `${wait}%` }} />}
        <span className={classes.bar} style={{ left: `min(${left}%, calc(100% - 3px))`, width: `${width}%` }} />
        <span className={classes.length} style={beside}>
          {duration(row.duration_s * 1e6)}
        </span>
      </div>
    </div>
  );
}
