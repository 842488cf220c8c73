import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useLayoutEffect, useReducer, useRef, useState } from "react";

import { Icon } from "~/design/icons";

import { CellTip, spoken } from "./CellTip";
import classes from "./Grid.module.css";
import { EDGE, type Scene, type Sizes, type Spot } from "./draw";
import { useDrawing } from "./useDrawing";
import { useFollowing, useOlder } from "./useFollowing";

interface Props {
  name: string;
  scene: Omit<Scene, "hover">;
  sizes: Sizes;
  /** Where the address says that the keyboard is. */
  at: Spot | null;
  moved: (spot: Spot) => void;
}

/** Runs against nodes. The canvas shows what is in sight; one cell at a time is in the page, and has the focus. */
export function GridCanvas({ name, scene, sizes, at, moved }: Props) {
  const { columns, rows, nodes } = scene;
  const scroller = useRef<HTMLDivElement>(null);
  const [hover, setHover] = useState<Spot | null>(null);
  const [spot, setSpot] = useState<Spot>(() => at ?? { column: columns.length - 1, row: 0 });
  const [focused, setFocused] = useState(false);
  const [, scrolled] = useReducer((count: number) => count + 1, 0);
  const { canvas, view, redraw } = useDrawing(scroller, { ...scene, hover }, sizes);
  const unseen = useFollowing(scroller, columns, sizes, redraw, at);
  const touched = useRef(false);
  const shiftSpot = useCallback((by: number) => setSpot((old) => ({ ...old, column: old.column + by })), []);
  useOlder(columns, shiftSpot);
  useEffect(() => {
    // The run that the address names may be among those that are read second.
    if (at === null || touched.current) return;
    touched.current = true;
    setSpot(at);
    reveal(scroller.current, at, sizes);
  }, [at, sizes]);
  const navigate = useNavigate();
  // Columns come at the end and may be filtered: the keyboard stays inside.
  const active = { column: Math.min(columns.length - 1, Math.max(0, spot.column)), row: Math.min(rows.length - 1, Math.max(-1, spot.row)) };

  const open = useCallback(
    ({ column, row }: Spot) => {
      const runId = columns[column]?.run.run_id;
      const task = row < 0 ? undefined : nodes[rows[row] ?? -1];
      if (runId !== undefined) void navigate({ to: "/runs/$runId/graph", params: { runId }, search: { task } });
    },
    [columns, rows, nodes, navigate],
  );
  const spotOf = (event: MouseEvent): Spot | null => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return null;
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const column = Math.floor((x - sizes.label + view.current.left) / sizes.column);
    const row = y < sizes.head ? -1 : Math.floor((y - sizes.head + view.current.top) / sizes.row);
    return x < sizes.label || column >= columns.length || row >= rows.length ? null : { column, row };
  };
  const move = (next: Spot) => {
    touched.current = true;
    const inside = { column: Math.min(columns.length - 1, Math.max(0, next.column)), row: Math.min(rows.length - 1, Math.max(-1, next.row)) };
    setSpot(inside);
    setHover(null);
    moved(inside);
    reveal(scroller.current, inside, sizes);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = stepOf(event, active, columns.length, rows.length);
    if (!next) return;
    event.preventDefault();
    move(next);
  };
  const shown = hover ?? (focused ? active : null);
  return (
    <div className={classes.frame}>
      <div
        ref={scroller}
        role="presentation"
        className={classes.scroller}
        onMouseMove={(event) => {
          const next = spotOf(event);
          if (next?.column !== hover?.column || next?.row !== hover?.row) setHover(next);
        }}
        onMouseLeave={() => setHover(null)}
        onScroll={() => {
          // What is told of a cell stays beside it, or goes when the pointer is over another one now.
          if (hover) setHover(null);
          if (focused) scrolled();
        }}
        onClick={(event) => {
          const clicked = spotOf(event);
          if (clicked && event.target instanceof HTMLCanvasElement) open(clicked);
        }}
        data-pointing={hover !== null || undefined}
      >
        <div className={classes.sizer} style={{ width: sizes.label + columns.length * sizes.column + EDGE, height: sizes.head + rows.length * sizes.row + EDGE }}>
          <canvas ref={canvas} className={classes.canvas} aria-hidden="true" />
          <div className={classes.cells} role="grid" aria-label={`Runs of ${name} against their nodes. Arrow keys move, Enter opens.`} aria-rowcount={rows.length + 1} aria-colcount={columns.length + 1}>
            <div role="row" aria-rowindex={active.row + 2}>
              <span role="rowheader" aria-colindex={1} className="visually-hidden">
                {active.row < 0 ? "Run" : nodes[rows[active.row] ?? -1]}
              </span>
              <FocusCell
                key={`${active.column} ${active.row}`}
                held={focused}
                spot={active}
                sizes={sizes}
                label={spoken(scene, active)}
                onFocus={() => setFocused(true)}
                onBlur={() => setFocused(false)}
                onKeyDown={onKeyDown}
                onOpen={() => open(active)}
              />
            </div>
          </div>
        </div>
      </div>
      {shown && <CellTip scene={scene} spot={shown} sizes={sizes} view={view.current} />}
      {unseen.count > 0 && (
        <button type="button" className={classes.fresh} onClick={unseen.show}>
          {unseen.count} new <Icon name="chevronRight" size={13} />
        </button>
      )}
    </div>
  );
}

interface CellProps {
  /** Whether the grid has the focus already: then this cell takes it. */
  held: boolean;
  spot: Spot;
  sizes: Sizes;
  label: string;
  onFocus: () => void;
  onBlur: () => void;
  onKeyDown: (event: KeyboardEvent) => void;
  onOpen: () => void;
}

/** The one cell that is in the page. It is another element for each place, so that screen readers tell it anew. */
function FocusCell({ held, spot, sizes, label, onFocus, onBlur, onKeyDown, onOpen }: CellProps) {
  const cell = useRef<HTMLButtonElement>(null);
  const take = useRef(held);
  useLayoutEffect(() => {
    if (take.current) cell.current?.focus({ preventScroll: true });
    take.current = false;
  }, []);
  const top = spot.row < 0 ? sizes.head - sizes.column - 2 : sizes.head + spot.row * sizes.row;
  return (
    <button
      ref={cell}
      type="button"
      role="gridcell"
      aria-colindex={spot.column + 2}
      aria-label={label}
      className={classes.cell}
      style={{ left: sizes.label + spot.column * sizes.column, top, width: sizes.column, height: spot.row < 0 ? sizes.column : sizes.row }}
      onFocus={onFocus}
      onBlur={onBlur}
      onKeyDown={onKeyDown}
      onClick={onOpen}
    />
  );
}

const PAGE = 10;

function stepOf({ key, ctrlKey, metaKey }: KeyboardEvent, { column, row }: Spot, columns: number, rows: number): Spot | null {
  const far = ctrlKey || metaKey;
  switch (key) {
    case "ArrowLeft":
      return { column: column - 1, row };
    case "ArrowRight":
      return { column: column + 1, row };
    case "ArrowUp":
      return { column, row: row - 1 };
    case "ArrowDown":
      return { column, row: row + 1 };
    case "PageUp":
      return { column, row: row - PAGE };
    case "PageDown":
      return { column, row: row + PAGE };
    case "Home":
      return { column: 0, row: far ? -1 : row };
    case "End":
      return { column: columns - 1, row: far ? rows - 1 : row };
    default:
      return null;
  }
}

/** Scrolls as little as it takes to have a cell in sight, beside the labels and below the head. */
function reveal(element: HTMLDivElement | null, { column, row }: Spot, sizes: Sizes): void {
  if (!element) return;
  const x = column * sizes.column;
  const width = element.clientWidth - sizes.label;
  if (x < element.scrollLeft) element.scrollLeft = x;
  else if (x + sizes.column > element.scrollLeft + width) element.scrollLeft = x + sizes.column - width + EDGE;
  if (row < 0) {
    element.scrollTop = 0;
    return;
  }
  const y = row * sizes.row;
  const height = element.clientHeight - sizes.head;
  if (y < element.scrollTop) element.scrollTop = y;
  else if (y + sizes.row > element.scrollTop + height) element.scrollTop = y + sizes.row - height + EDGE;
}
