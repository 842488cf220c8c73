import { useMediaQuery } from "@mantine/hooks";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type MouseEvent, useCallback, useEffect, useLayoutEffect, useRef } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { useSettings } from "~/settings/settings";

import classes from "./RunList.module.css";
import { RunRow } from "./RunRow";
import type { RunsFilter } from "./search";
import { usePicking } from "./usePicking";

interface Props {
  /** Says which list this is: a list that is shown again begins where it was left. */
  listKey: string;
  ids: readonly string[];
  filter: RunsFilter;
  fresh: number;
  showFresh: () => void;
  at: string | undefined;
  picked: readonly string[];
  place: (change: { at?: string | undefined; pick?: string[] | undefined }) => void;
  more: boolean;
  loading: boolean;
  loadMore: () => void;
  cancel: () => void;
}

const offsets = new Map<string, number>();

/** A grid of any number of rows, of which those in sight are in the page. The keyboard moves a row, not the page. */
export function RunList(props: Props) {
  const { listKey, ids, filter, fresh, showFresh, at, picked, place, more, loading, loadMore } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
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
  const open = useCallback((runId: string) => void navigate({ to: "/runs/$runId", params: { runId } }), [navigate]);
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
  useRowShortcuts(props, atIndex, move, open, toggle, extend);
  const seen = useRef(false);
  useEffect(() => {
    // A row named by the address is brought into sight once.
    if (seen.current || atIndex < 0) return;
    seen.current = true;
    if (!offsets.has(listKey)) rows.scrollToIndex(atIndex, { align: "center" });
  }, [atIndex, rows, listKey]);

  const onPick = useCallback((runId: string, event: MouseEvent) => (event.shiftKey ? extend(runId) : toggle(runId)), [extend, toggle]);
  const all = picked.length > 0 && picked.length >= Math.min(ids.length, 200);
  return (
    <div className={classes.frame}>
      <div ref={scroller} className={classes.scroller} role="grid" aria-label="Runs" aria-rowcount={more ? -1 : ids.length} aria-multiselectable="true" tabIndex={0} aria-activedescendant={at ? `run-${at}` : undefined}>
        <div className={classes.head} role="row">
          <span role="columnheader" className={classes.pickCell}>
            <input type="checkbox" aria-label="Select all shown" checked={all} onChange={() => toggleAll(!all)} className={classes.check} />
          </span>
          {["State", "Workflow", "Run", "Started by", "Progress", "Duration", "Created"].map((title) => (
            <span key={title} role="columnheader" data-column={title}>
              {title}
            </span>
          ))}
        </div>
        <div role="rowgroup" style={{ height: rows.getTotalSize(), position: "relative" }}>
          {shown.map((item) => {
            const id = ids[item.index] ?? "";
            return <RunRow key={item.key} runId={id} index={item.index} top={item.start} height={rowHeight} filter={filter} active={id === at} picked={picked.includes(id)} onPick={onPick} />;
          })}
        </div>
        <div className={classes.end} role="status">
          {loading ? "Loading more…" : more ? "" : `${ids.length.toLocaleString("en")} ${ids.length === 1 ? "run" : "runs"}, that is all`}
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

function useRowShortcuts({ ids, fresh, showFresh, picked, place, cancel }: Props, at: number, move: (index: number) => void, open: (id: string) => void, toggle: (id: string) => void, extend: (id: string) => void) {
  const here = ids[at];
  const group = "Runs";
  const stretch = (step: number) => {
    const next = ids[Math.min(ids.length - 1, Math.max(0, at + step))];
    if (here && next) extend(next);
    move(at + step);
  };
  useShortcuts([
    { keys: "j", label: "Next run", group, moves: true, run: () => move(at + 1) },
    { keys: "ArrowDown", label: "Next run", group, moves: true, run: () => move(at + 1) },
    { keys: "k", label: "Previous run", group, moves: true, run: () => move(at - 1) },
    { keys: "ArrowUp", label: "Previous run", group, moves: true, run: () => move(at - 1) },
    { keys: "Home", label: "First run", group, moves: true, run: () => move(0) },
    { keys: "End", label: "Last run loaded", group, moves: true, run: () => move(ids.length - 1) },
    { keys: "Enter", label: "Open the run", group, moves: true, run: () => here && open(here) },
    { keys: "x", label: "Select the run", group, moves: true, run: () => here && toggle(here) },
    { keys: "shift+ArrowDown", label: "Select downwards", group, moves: true, run: () => stretch(1) },
    { keys: "shift+ArrowUp", label: "Select upwards", group, moves: true, run: () => stretch(-1) },
    { keys: "Escape", label: "Clear the selection", group, moves: true, run: () => place(picked.length > 0 ? { pick: undefined } : { at: undefined }) },
    { keys: "c", label: "Cancel runs…", group, run: cancel },
    ...(fresh > 0 ? [{ keys: "n", label: "Show new runs", group, run: showFresh }] : []),
  ]);
}
