import { ActionIcon, Button, SegmentedControl } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { nowUs } from "~/time/now";
import { Empty } from "~/ui/Feedback";

import { NodePanel } from "../NodePanel";
import { Split } from "../parts/Split";
import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import { type Line, Plot } from "./Plot";
import classes from "./TimelineTab.module.css";
import { TimelineTable } from "./TimelineTable";
import { linesOf } from "./lines";
import { Scale, type Stretch, idleOf, zoomed } from "./scale";
import { busyOf, segmentsOf } from "./segments";
import { useHeld } from "./useHeld";
import { useItems } from "./useItems";

const route = getRouteApi("/runs/$runId");
const TICK_MS = 250;
const ITEMS_SHOWN = 200;

/** What took how long: queue wait apart from run time, attempts apart from each other. */
export function TimelineTab() {
  const { runId } = route.useParams();
  const { task, item, view: shown, range, idle } = route.useSearch();
  const change = useChange();
  const { run } = useRunDetail(runId);
  const running = run !== undefined && run.finished_at_us === null;
  const now = useTicks(running);
  const held = useHeld(runId, running);
  const [openMaps, setOpenMaps] = useState<ReadonlySet<string>>(new Set());
  const items = useItems(runId, useMemo(() => run?.nodes.filter((node) => node.map && openMaps.has(node.node)) ?? [], [run, openMaps]));

  const bars = useMemo(() => new Map(run?.nodes.map((node) => [node.node, segmentsOf(node, held, now)])), [run, held, now]);
  const lines = useMemo(() => (run ? linesOf(run.nodes, bars, openMaps, items, ITEMS_SHOWN) : []), [run, bars, openMaps, items]);
  const createdUs = run?.created_at_us ?? 0;
  const endUs = Math.max(createdUs + 1000, running ? now : (run?.finished_at_us ?? createdUs));
  const whole: Stretch = useMemo(() => ({ fromUs: createdUs, toUs: endUs }), [createdUs, endUs]);
  const folds = useMemo(() => (idle === "shown" ? [] : idleOf(busyOf([...bars.values()].flat()), whole)), [bars, whole, idle]);
  const scale = useMemo(() => new Scale(whole, folds), [whole, folds]);
  const view = viewOf(range, whole);
  const look = (next: Stretch) => change({ range: next.fromUs <= whole.fromUs && next.toUs >= whole.toUs ? undefined : `${ms(next.fromUs - createdUs)}-${ms(next.toUs - createdUs)}` });
  const zoom = (factor: number, at = 0.5) => look(zoomed(scale, whole, view, factor, at));
  const pan = (shift: number) => look(zoomed(scale, whole, view, 1, 0.5, shift));

  const toggle = useCallback((line: Line) => setOpenMaps((old) => (old.has(line.node) ? new Set([...old].filter((one) => one !== line.node)) : new Set([...old, line.node]))), []);
  const key = task === undefined ? undefined : item === undefined ? task : `${task}[${item}]`;
  const select = useCallback((line: Line | undefined) => change({ task: line?.node, item: line?.item ?? undefined, attempt: undefined }), [change]);
  const move = (by: 1 | -1) => {
    const at = lines.findIndex((line) => line.key === key);
    const next = at < 0 ? lines[0] : lines[at + by];
    if (next && !next.note) select(next);
  };
  const selected = lines.find((line) => line.key === key);
  const show = (next: string) => change({ view: next === "table" ? "table" : undefined });
  const folded = folds.length > 0 || idle === "shown";
  const group = "Timeline";
  useShortcuts([
    { keys: "v", label: "Timeline or table", group, run: () => show(shown === "table" ? "timeline" : "table") },
    { keys: "+", label: "Zoom in", group, run: () => zoom(0.6) },
    { keys: "-", label: "Zoom out", group, run: () => zoom(1 / 0.6) },
    { keys: "0", label: "Show all of it", group, run: () => change({ range: undefined }) },
    { keys: "ArrowLeft", label: "Earlier", group, moves: true, run: () => pan(-0.2) },
    { keys: "ArrowRight", label: "Later", group, moves: true, run: () => pan(0.2) },
    { keys: "j", label: "Next node", group, moves: true, run: () => move(1) },
    { keys: "ArrowDown", label: "Next node", group, moves: true, run: () => move(1) },
    { keys: "k", label: "Previous node", group, moves: true, run: () => move(-1) },
    { keys: "ArrowUp", label: "Previous node", group, moves: true, run: () => move(-1) },
    { keys: "Enter", label: "Open or close a map", group, moves: true, run: () => selected && selected.open !== null && toggle(selected) },
    { keys: "i", label: "Fold idle time, or show it", group, run: () => change({ idle: idle === "shown" ? undefined : "shown" }) },
    ...(task ? [{ keys: "Escape", label: "Close the node", group, moves: true, run: () => select(undefined) }] : []),
  ]);
  if (!run) return null;
  return (
    <Split panel={task && <NodePanel key={task} run={run} node={task} onClose={() => select(undefined)} />}>
      <div className={classes.bar} role="toolbar" aria-label="Timeline">
        <Legend />
        {folded && (
          <Button className={classes.toggle ?? ""} aria-pressed={idle !== "shown"} onClick={() => change({ idle: idle === "shown" ? undefined : "shown" })}>
            Fold idle time
          </Button>
        )}
        {shown !== "table" && (
          <ActionIcon.Group>
            <ActionIcon aria-label="Zoom out" onClick={() => zoom(1 / 0.6)} disabled={range === undefined}>
              <Icon name="minus" size={14} />
            </ActionIcon>
            <ActionIcon aria-label="Zoom in" onClick={() => zoom(0.6)}>
              <Icon name="plus" size={14} />
            </ActionIcon>
            <ActionIcon aria-label="Show all of it" onClick={() => change({ range: undefined })} disabled={range === undefined}>
              <Icon name="fit" size={14} />
            </ActionIcon>
          </ActionIcon.Group>
        )}
        <SegmentedControl
          aria-label="Show as"
          value={shown ?? "timeline"}
          onChange={show}
          data={[
            { value: "timeline", label: "Timeline" },
            { value: "table", label: "Table" },
          ]}
        />
      </div>
      {lines.every((line) => line.segments.length === 0) ? (
        <Empty icon="clock" title="Nothing has begun">
          A bar appears here as soon as a node is in a queue.
        </Empty>
      ) : shown === "table" ? (
        <TimelineTable lines={lines} selected={key} select={select} />
      ) : (
        <Plot lines={lines} scale={scale} folds={folds} view={view} originUs={createdUs} nowUs={running ? now : null} selected={key} select={select} toggle={toggle} zoom={zoom} pan={pan} />
      )}
    </Split>
  );
}

function Legend() {
  return (
    <div className={classes.legend}>
      <span>
        <i className={classes.wait} /> in the queue
      </span>
      <span>
        <i className={classes.run} /> at work
      </span>
      <span>
        <i className={classes.failed} /> failed
      </span>
      <span>
        <i className={classes.lost} /> lost
      </span>
      <span>
        <i className={classes.backoff} /> until the next attempt
      </span>
    </div>
  );
}

/** The coordinator's time, four times a second while it matters: bars grow without a jerk. */
function useTicks(running: boolean): number {
  const [now, setNow] = useState(nowUs);
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(nowUs()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}

/** A part that ends where the run ends grows with it. */
function viewOf(range: string | undefined, whole: Stretch): Stretch {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const view = { fromUs: whole.fromUs + Number(from) * 1000, toUs: Math.min(whole.toUs, whole.fromUs + Number(to) * 1000) };
  return from === undefined || to === undefined || view.toUs <= view.fromUs ? whole : view;
}

function ms(us: number): number {
  return Math.round(us / 1000);
}
