import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type MouseEvent, type ReactNode, useCallback, useEffect, useLayoutEffect, useRef } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { useSettings } from "~/settings/settings";

import classes from "./RowGrid.module.css";
import { usePicking } from "./usePicking";

/** Where a row is, and what the person does with it. */
export interface RowPlace {
  id: string;
  noun: string;
  index: number;
  top: number;
  height: number;
  active: boolean;
  picked: boolean;
  onPick: ((id: string, event: MouseEvent) => void) | null;
}

export type Place = (change: { at?: string | undefined; pick?: string[] | undefined }) => void;

interface Props {
  /** Says which list this is: a list that is shown again begins where it was left. */
  listKey: string;
  label: string;
  /** What a row is, and several of them. */
  noun: readonly [one: string, many: string];
  columns: readonly string[];
  /** Of the page: sets `--columns`, and places cells where it is narrow. */
  className?: string | undefined;
  ids: readonly string[];
  row: (place: RowPlace) => ReactNode;
  fresh: number;
  showFresh: () => void;
  at: string | undefined;
  /** Null where rows are not to be selected. */
  picked: readonly string[] | null;
  place: Place;
  open: (id: string) => void;
  more: boolean;
  loading: boolean;
  loadMore: () => void;
  /** How far a search has looked, where it is not done. */
  end?: ReactNode;
}

const offsets = new Map<string, number>();
const NONE: readonly string[] = [];

/** A grid of any number of rows, of which those in sight are in the page. The keyboard moves a row, not the page. */
export function RowGrid(props: Props) {
  const { listKey, noun, ids, fresh, showFresh, at, place, more, loading, loadMore, columns } = props;
  const picked = props.picked ?? NONE;
  const scroller = useRef<HTMLDivElement>(null);
  const density = useSettings((settings) => settings.density);
  const narrow = useMediaQuery("(max-width: 700px)", undefined, { getInitialValueInEffect: false });
  const rowHeight = narrow ? 54 : density === "compact" ? 26 : 34;
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => ids[index] ?? index,
    overscan: 8,
    initialOffset: offsets.get(listKey) ?? 0,
  });
  useLayoutEffect(() => rows.measure(), [rows, rowHeight]);
  useEffect(() => {
    const element = scroller.current;
    return () => void offsets.set(listKey, element?.scrollTop ?? 0);
  }, [listKey]);

  const shown = rows.getVirtualItems();
  const lastShown = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loading && lastShown > ids.length - 60) loadMore();
  }, [more, loading, lastShown, ids.length, loadMore]);

  const atIndex = at === undefined ? -1 : ids.indexOf(at);
  const move = useCallback(
    (index: number) => {
      const next = Math.min(ids.length - 1, Math.max(0, index));
      place({ at: ids[next] });
      rows.scrollToIndex(next, { align: "auto" });
      scroller.current?.focus({ preventScroll: true });
    },
    [ids, place, rows],
  );
  const { toggle, extend, toggleAll } = usePicking(ids, picked, place);
  useRowShortcuts(props, atIndex, move, toggle, extend);
  const seen = useRef(false);
  useEffect(() => {
    // A row named by the address is brought into sight once.
    if (seen.current || atIndex < 0) return;
    seen.current = true;
    if (!offsets.has(listKey)) rows.scrollToIndex(atIndex, { align: "center" });
  }, [atIndex, rows, listKey]);

  const pick = useCallback((id: string, event: MouseEvent) => (event.shiftKey ? extend(id) : toggle(id)), [extend, toggle]);
  const all = picked.length > 0 && picked.length >= Math.min(ids.length, 200);
  return (
    <div className={[classes.frame, props.className].filter(Boolean).join(" ")} data-pickable={props.picked !== null || undefined}>
      <div
        ref={scroller}
        className={classes.scroller}
        role="grid"
        aria-label={props.label}
        aria-rowcount={more ? -1 : ids.length}
        aria-multiselectable={props.picked !== null}
        tabIndex={0}
        aria-activedescendant={atIndex >= 0 ? `${noun[0]}-${at}` : undefined}
      >
        <div className={classes.head} role="row">
          {props.picked !== null && (
            <span role="columnheader" className={classes.pickCell}>
              <input type="checkbox" aria-label="Select all shown" checked={all} onChange={() => toggleAll(!all)} className={classes.check} />
            </span>
          )}
          {columns.map((title) => (
            <span key={title} role="columnheader" data-column={title}>
              {title}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
          {shown.map((item) => {
            const id = ids[item.index] ?? "";
            return props.row({ id, noun: noun[0], index: item.index, top: item.start, height: rowHeight, active: id === at, picked: picked.includes(id), onPick: props.picked === null ? null : pick });
          })}
        </div>
        <div className={classes.end} role="row">
          <span role="gridcell">{loading ? "Loading more…" : (props.end ?? (more ? "" : `${ids.length.toLocaleString("en")} ${ids.length === 1 ? noun[0] : noun[1]}, that is all`))}</span>
        </div>
      </div>
      {fresh > 0 && (
        <button
          type="button"
          className={classes.fresh}
          onClick={() => {
            showFresh();
            rows.scrollToOffset(0);
          }}
        >
          <Icon name="arrowUp" size={13} /> {fresh} new
        </button>
      )}
    </div>
  );
}

interface RowProps {
  place: RowPlace;
  /** It is shown, but does not fit the filters any more. */
  left?: boolean;
  onClick?: (() => void) | undefined;
  children: ReactNode;
}

/** The frame of a row; its cells are elements with `role="gridcell"` and `data-column`. */
export function GridRow({ place: { id, noun, index, top, height, active, picked, onPick }, left, onClick, children }: RowProps) {
  return (
    // The keyboard reaches rows through the grid.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
    <div
      id={`${noun}-${id}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 1}
      aria-selected={onPick ? picked : active}
      data-active={active || undefined}
      data-left={left || undefined}
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)`, ...(onClick ? { cursor: "pointer" } : {}) }}
      onClick={onClick}
    >
      {onPick && (
        <span role="gridcell" className={classes.pickCell}>
          <input
            type="checkbox"
            className={classes.check}
            aria-label={`Select ${id}`}
            checked={picked}
            readOnly
            onClick={(event) => {
              event.stopPropagation();
              onPick(id, event);
            }}
            tabIndex={-1}
          />
        </span>
      )}
      {children}
    </div>
  );
}

function useRowShortcuts({ ids, noun: [one, many], fresh, showFresh, picked, place, open }: Props, at: number, move: (index: number) => void, toggle: (id: string) => void, extend: (id: string) => void) {
  const here = ids[at];
  const group = many.charAt(0).toUpperCase() + many.slice(1);
  const stretch = (step: number) => {
    const next = ids[Math.min(ids.length - 1, Math.max(0, at + step))];
    if (here && next) extend(next);
    move(at + step);
  };
  const selecting = [
    { keys: "x", label: `Select the ${one}`, group, moves: true, run: () => here && toggle(here) },
    { keys: "shift+ArrowDown", label: "Select downwards", group, moves: true, run: () => stretch(1) },
    { keys: "shift+ArrowUp", label: "Select upwards", group, moves: true, run: () => stretch(-1) },
  ];
  useShortcuts([
    { keys: "j", label: `Next ${one}`, group, moves: true, run: () => move(at + 1) },
    { keys: "ArrowDown", label: `Next ${one}`, group, moves: true, run: () => move(at + 1) },
    { keys: "k", label: `Previous ${one}`, group, moves: true, run: () => move(at - 1) },
    { keys: "ArrowUp", label: `Previous ${one}`, group, moves: true, run: () => move(at - 1) },
    { keys: "Home", label: `First ${one}`, group, moves: true, run: () => move(0) },
    { keys: "End", label: `Last ${one} loaded`, group, moves: true, run: () => move(ids.length - 1) },
    { keys: "Enter", label: `Open the ${one}`, group, moves: true, run: () => here && open(here) },
    ...(picked === null ? [] : selecting),
    { keys: "Escape", label: "Clear the selection", group, moves: true, run: () => place(picked && picked.length > 0 ? { pick: undefined } : { at: undefined }) },
    ...(fresh > 0 ? [{ keys: "n", label: `Show new ${many}`, group, run: showFresh }] : []),
  ]);
}
