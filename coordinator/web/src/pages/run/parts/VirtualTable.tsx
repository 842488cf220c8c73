import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type ReactNode, useLayoutEffect, useRef } from "react";

import { useSettings } from "~/settings/settings";

import classes from "./VirtualTable.module.css";

export interface Column<Row> {
  title: string;
  /** A track of CSS grid. */
  width: string;
  right?: boolean;
  cell: (row: Row) => ReactNode;
}

interface Props<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  selected?: string | undefined;
  /** Makes the first cell a button. */
  select?: (row: Row) => void;
  /** Which rows are open: the button opens and closes what is below. */
  expanded?: (row: Row) => boolean;
  /** What stands below a row that is open. */
  below?: (row: Row) => ReactNode;
  end?: ReactNode;
}

const GAP = 16;

/** A table of any length, of which the rows in sight are in the page. */
export function VirtualTable<Row>({ label, columns, rows, rowKey, selected, select, expanded, below, end }: Props<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const density = useSettings((settings) => settings.density);
  const height = density === "compact" ? 26 : 32;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    getItemKey: (index) => (rows[index] === undefined ? index : rowKey(rows[index])),
    overscan: 8,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  /** The arrows go from row to row, also to those that are not in the page yet. */
  const step = (event: KeyboardEvent, index: number) => {
    const next = index + (event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0);
    if (next === index || rows[next] === undefined) return;
    event.preventDefault();
    virtual.scrollToIndex(next, { align: "auto" });
    requestAnimationFrame(() => scroller.current?.querySelector<HTMLElement>(`[data-index="${next}"] [role="row"] button`)?.focus({ preventScroll: true }));
  };
  const grid = { gridTemplateColumns: columns.map((column) => column.width).join(" ") };
  return (
    <div ref={scroller} className={classes.scroller}>
      <div className={classes.table} style={{ minWidth: leastWidth(columns) }} role="table" aria-label={label} aria-rowcount={rows.length + 1}>
        <div className={classes.head} role="row" aria-rowindex={1} style={grid}>
          {columns.map((column) => (
            <span key={column.title} role="columnheader" data-right={column.right}>
              {column.title}
            </span>
          ))}
        </div>
        <div role="rowgroup" className={classes.rows} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const key = rowKey(row);
            const more = expanded?.(row) ? below?.(row) : null;
            return (
              <div key={item.key} ref={virtual.measureElement} data-index={item.index} className={classes.place} style={{ transform: `translateY(${item.start}px)` }} role="presentation">
                <div role="row" aria-rowindex={item.index + 2} className={classes.row} data-selected={key === selected || undefined} style={{ ...grid, minHeight: height }}>
                  {columns.map((column, index) => (
                    <span key={column.title} role="cell" data-right={column.right}>
                      {index === 0 && select ? (
                        <button type="button" className={classes.select} {...(expanded ? { "aria-expanded": expanded(row) } : { "aria-pressed": key === selected })} onClick={() => select(row)} onKeyDown={(event) => step(event, item.index)}>
                          {column.cell(row)}
                        </button>
                      ) : (
                        column.cell(row)
                      )}
                    </span>
                  ))}
                </div>
                {more && (
                  <div role="row" className={classes.below}>
                    <div role="cell" aria-colspan={columns.length}>
                      {more}
                    </div>
                  </div>
                )}
              </div>
            );
          })}
        </div>
      </div>
      {end}
    </div>
  );
}

/** With less room than the columns need at least, the table scrolls sideways. */
function leastWidth(columns: readonly { width: string }[]): number {
  const least = columns.map((column) => Number(/(\d+)px/.exec(column.width)?.[1] ?? 0));
  return least.reduce((sum, width) => sum + width + GAP, GAP);
}
