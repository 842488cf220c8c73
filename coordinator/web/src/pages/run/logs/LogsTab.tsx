import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";

import type { Schemas } from "~/api/client";
import { useShortcuts } from "~/keys/keys";
import { useNowUs } from "~/time/now";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";

import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import { LogBar } from "./LogBar";
import { LogList, type LogListHandle } from "./LogList";
import classes from "./Logs.module.css";
import type { LogFilter } from "./lines";
import { firstOfAttempt } from "./attempts";
import { useLogLines } from "./useLogLines";
import { nextMatch, useLogSearch } from "./useLogSearch";

const route = getRouteApi("/runs/$runId");
/** Workers send their last lines a moment after the end; the API waits as long before it calls a log complete. */
const GRACE_US = 2_000_000;

/** What the tasks of a run logged: all of it, followed while it runs. */
export function LogsTab() {
  const { runId } = route.useParams();
  const { task, item, attempt, level, q, line, wrap } = route.useSearch();
  const { run, summary } = useRunDetail(runId);
  const filter: LogFilter = useMemo(() => ({ node: task, item: task === undefined ? undefined : item, level }), [task, item, level]);
  const lines = useLogLines(runId, filter, line);
  const search = useLogSearch(runId, filter, q, lines.total);
  const [follow, setFollow] = useState(line === undefined);
  const list = useRef<LogListHandle>(null);
  const change = useChange();
  const select = useCallback((position: number | undefined) => change({ line: position }), [change]);

  // The line that the address names is brought into sight when it is there.
  const brought = useRef<number>(undefined);
  const index = line === undefined || !lines.opened ? undefined : lines.find(line);
  useEffect(() => {
    if (line === brought.current || index === undefined) return;
    if (brought.current === undefined) list.current?.show(index);
    brought.current = line;
  }, [line, index]);

  const show = useCallback(
    async (position: number) => {
      setFollow(false);
      brought.current = position;
      select(position);
      const at = await lines.reach(position);
      if (at !== undefined) requestAnimationFrame(() => list.current?.show(at));
    },
    [lines, select],
  );
  const choose = useCallback(
    (position: number) => {
      brought.current = position;
      select(position);
    },
    [select],
  );
  const matches = search.found?.matches ?? [];
  const here = matches.findIndex((one) => one.position === line);
  const jump = (step: 1 | -1) => {
    const from = here >= 0 ? (matches[here]?.line ?? 0) : (index ?? (follow ? (step > 0 ? -1 : lines.total) : (list.current?.middle() ?? 0)));
    const next = matches[nextMatch(matches, from, step)];
    if (next) void show(next.position);
  };
  const step = (by: 1 | -1) => {
    const next = lines.at((index ?? list.current?.middle() ?? 0) + (index === undefined ? 0 : by));
    if (next) void show(next.position);
  };
  const toAttempt = async (wanted: number | undefined) => {
    change({ attempt: wanted });
    const found = wanted === undefined ? undefined : await firstOfAttempt(runId, filter, wanted, lines.total);
    if (found !== undefined) void show(found);
  };
  // A link to an attempt leads to its first line.
  const led = useRef(false);
  useEffect(() => {
    if (led.current || !lines.opened) return;
    led.current = true;
    if (attempt !== undefined && line === undefined) void toAttempt(attempt);
  });
  const group = "Logs";
  useShortcuts([
    { keys: "n", label: "Next match", group, run: () => jump(1) },
    { keys: "shift+n", label: "Previous match", group, run: () => jump(-1) },
    { keys: "j", label: "Next line", group, moves: true, run: () => step(1) },
    { keys: "k", label: "Previous line", group, moves: true, run: () => step(-1) },
    { keys: "f", label: "Follow the log", group, run: () => setFollow(!follow) },
    { keys: "w", label: "Wrap lines", group, run: () => change({ wrap: wrap ? undefined : "yes" }) },
    ...(line === undefined ? [] : [{ keys: "Escape", label: "Leave the line", group, moves: true, run: () => select(undefined) }]),
  ]);
  if (!run || !summary) return null;
  const filtered = task !== undefined || level !== undefined;
  return (
    <div className={classes.tab}>
      <LogBar run={run} total={lines.total} count={search.found} here={here} follow={follow} setFollow={setFollow} jump={jump} toAttempt={(wanted) => void toAttempt(wanted)} change={change} focusLines={() => list.current?.focus()} />
      {search.error && <Failure error={search.error} />}
      {lines.error ? (
        <Failure error={lines.error} retry={() => void lines.open(line)} />
      ) : !lines.opened ? (
        <Skeleton rows={14} label="Reading the log" />
      ) : lines.total === 0 ? (
        <Nothing running={summary.finished_at_us === null} filtered={filtered} clear={() => change({ task: undefined, item: undefined, attempt: undefined, level: undefined })} />
      ) : (
        <LogList
          key={`${task} ${item} ${level}`}
          lines={lines}
          wrap={wrap === "yes"}
          whereWidth={whereWidth(run)}
          q={q ?? ""}
          selected={line}
          attempt={attempt}
          follow={follow}
          setFollow={setFollow}
          select={choose}
          end={<End finishedUs={summary.finished_at_us} total={lines.total} last={lines.last} />}
          handle={list}
        />
      )}
    </div>
  );
}

/** Room for `node[item] #attempt`, the same in every line. */
function whereWidth(run: Schemas["RunDetail"]): number {
  const longest = Math.max(...run.nodes.map((node) => node.node.length + (node.map ? String(node.map.total).length + 2 : 0) + (node.attempt > 1 || node.map ? 3 : 0)));
  return Math.min(26, Math.max(8, longest));
}

/** Says that the log is complete, and up to where: what comes later still appears above it. */
function End({ finishedUs, total, last }: { finishedUs: number | null; total: number; last: number }) {
  const now = useNowUs();
  const complete = finishedUs !== null && now - finishedUs >= GRACE_US;
  return (
    <div className={classes.end} data-complete={complete || undefined}>
      <span>{complete ? `Complete at ${last}` : finishedUs === null ? "New lines appear here" : "The run has ended; last lines may still come"}</span>
      <span className={classes.endCount}>
        {total.toLocaleString("en")} {total === 1 ? "line" : "lines"}
      </span>
    </div>
  );
}

function Nothing({ running, filtered, clear }: { running: boolean; filtered: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <Empty icon="filter" title="No line fits">
        <button type="button" className={classes.link} onClick={clear}>
          Show all lines
        </button>
      </Empty>
    );
  }
  return (
    <Empty icon="terminal" title={running ? "No line yet" : "This run logged nothing"}>
      What a task prints, and what it logs by <code>logging.getLogger(__name__).info("…")</code>, appears here at once.
    </Empty>
  );
}
