import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef } from "react";

import type { Schemas } from "~/api/client";
import { StateIcon, hueOf } from "~/design/State";
import { Icon } from "~/design/icons";
import { type AnyState, lookOf } from "~/design/states";
import { useSettings, useZone } from "~/settings/settings";
import { duration, exact } from "~/time/format";

import classes from "./Plot.module.css";
import { type Fold, type Scale, type Stretch, ticksOf } from "./scale";
import type { Segment } from "./segments";

export interface Line {
  key: string;
  node: string;
  item: number | null;
  state: AnyState;
  label: string;
  map: Schemas["MapView"] | null;
  /** Whether a map's items are shown; null for what has none. */
  open: boolean | null;
  segments: readonly Segment[];
  /** Stands for items that are not shown. */
  note?: string;
}

interface Props {
  lines: readonly Line[];
  scale: Scale;
  folds: readonly Fold[];
  view: Stretch;
  originUs: number;
  nowUs: number | null;
  selected: string | undefined;
  select: (line: Line) => void;
  toggle: (line: Line) => void;
  zoom: (factor: number, at: number) => void;
  pan: (shift: number) => void;
}

/** Bars of nodes over time. The view may be any part of it; rows in sight alone are in the page. */
export function Plot({ lines, scale, folds, view, originUs, nowUs, selected, select, toggle, zoom, pan }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const density = useSettings((settings) => settings.density);
  const zone = useZone();
  const rowHeight = density === "compact" ? 22 : 28;
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => rowHeight, overscan: 6, paddingStart: 30, getItemKey: (index) => lines[index]?.key ?? index });
  useLayoutEffect(() => rows.measure(), [rows, rowHeight]);
  const from = scale.place(view.fromUs);
  const length = Math.max(1, scale.place(view.toUs) - from);
  const x = (us: number) => ((scale.place(us) - from) / length) * 100;
  const inSight = (us: number) => us >= view.fromUs && us <= view.toUs;

  const at = lines.findIndex((line) => line.key === selected);
  useEffect(() => {
    if (at >= 0) rows.scrollToIndex(at, { align: "auto" });
  }, [at, rows]);
  useWheel(scroller, zoom, pan);
  const wide = (scroller.current?.clientWidth ?? 900) > 700;
  return (
    <div ref={scroller} className={classes.scroller} style={{ "--row-height": `${rowHeight}px` } as React.CSSProperties}>
      <div className={classes.content} style={{ height: Math.max(rows.getTotalSize(), 30) }}>
        <div className={classes.axis}>
          <span className={classes.axisName}>Node</span>
          <div className={classes.axisPlot} aria-hidden="true">
            {ticksOf(scale, folds, view, originUs, wide ? 8 : 3).map((us) => (
              <span key={us} className={classes.tick} style={{ left: `${x(us)}%` }} title={exact(us, zone)}>
                {us === originUs ? "0" : `+${rounded(us - originUs)}`}
              </span>
            ))}
          </div>
        </div>
        <div className={classes.grid} aria-hidden="true">
          {ticksOf(scale, folds, view, originUs, wide ? 8 : 3).map((us) => (
            <i key={us} className={classes.gridLine} style={{ left: `${x(us)}%` }} />
          ))}
          {folds
            .filter((fold) => fold.toUs > view.fromUs && fold.fromUs < view.toUs)
            .map((fold) => (
              <i key={fold.fromUs} className={classes.fold} style={{ left: `${x(fold.fromUs)}%`, width: `${x(fold.toUs) - x(fold.fromUs)}%` }} title={`Nothing waits or runs for ${duration(fold.toUs - fold.fromUs)}`}>
                <b>{duration(fold.toUs - fold.fromUs)} idle</b>
              </i>
            ))}
          {nowUs !== null && inSight(nowUs) && <i className={classes.now} style={{ left: `min(${x(nowUs)}%, calc(100% - 1px))` }} />}
        </div>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index];
          return line && <PlotRow key={row.key} line={line} top={row.start} x={x} selected={line.key === selected} select={select} toggle={toggle} />;
        })}
      </div>
    </div>
  );
}

interface RowProps {
  line: Line;
  top: number;
  x: (us: number) => number;
  selected: boolean;
  select: (line: Line) => void;
  toggle: (line: Line) => void;
}

function PlotRow({ line, top, x, selected, select, toggle }: RowProps) {
  const place = { transform: `translateY(${top}px)` };
  if (line.note) {
    return (
      <div className={classes.row} style={place} data-item>
        <span className={classes.note}>{line.note}</span>
      </div>
    );
  }
  return (
    <div className={classes.row} style={place} data-selected={selected || undefined} data-item={line.item !== null || undefined}>
      <div className={classes.label}>
        {line.open !== null && (
          <button type="button" className={classes.toggle} aria-expanded={line.open} aria-label={`Items of ${line.node}`} onClick={() => toggle(line)}>
            <Icon name={line.open ? "chevronDown" : "chevronRight"} size={11} />
          </button>
        )}
        <StateIcon state={line.state} size={12} label />
        <button type="button" className={classes.name} aria-pressed={selected} onClick={() => select(line)} title={line.label}>
          {line.label}
        </button>
        {line.map && (
          <span className={classes.progress}>
            {line.map.done.toLocaleString("en")}/{line.map.total.toLocaleString("en")}
          </span>
        )}
      </div>
      <div className={classes.plot}>
        {line.segments.map((segment) => (
          <Bar key={`${segment.kind} ${segment.attempt} ${segment.fromUs}`} line={line} segment={segment} x={x} />
        ))}
      </div>
    </div>
  );
}

function Bar({ line, segment, x }: { line: Line; segment: Segment; x: (us: number) => number }) {
  const [left, right] = [Math.max(-1, x(segment.fromUs)), Math.min(101, x(segment.toUs))];
  if (right < -0.5 || left > 100.5 || (segment.kind === "wait" && right <= left)) return null;
  const part = line.map ? (100 * line.map.done) / Math.max(1, line.map.total) : null;
  return (
    <span className={classes.bar} data-kind={segment.kind} data-state={segment.state} data-open={segment.open || undefined} style={{ ...hueOf(segment.state), left: `min(${left}%, calc(100% - 3px))`, width: `${Math.max(0, right - left)}%` }} title={told(segment)}>
      {segment.kind === "map" && part !== null && <i style={{ width: `${part}%` }} />}
    </span>
  );
}

function told({ kind, attempt, state, fromUs, toUs, open, worker, error }: Segment): string {
  const length = `${duration(toUs - fromUs)}${open ? " so far" : ""}`;
  if (kind === "wait") return `Attempt ${attempt}: in the queue for ${length}`;
  if (kind === "backoff") return `Before the next attempt: ${length}`;
  if (kind === "map") return `${lookOf(state).label}: ${length}`;
  if (state === "lost") return [`Attempt ${attempt}: lost after ${length}`, worker && `on ${worker}`, error].filter(Boolean).join("\n");
  return [`Attempt ${attempt}: ${lookOf(state).label.toLowerCase()}, ${length} at work`, worker && `on ${worker}`, error].filter(Boolean).join("\n");
}

/** `0.25 s`, not `250.00 ms`. */
function rounded(us: number): string {
  return duration(us).replace(/(\.\d*?)0+ /, "$1 ").replace(/\. /, " ");
}

/** Ctrl and the wheel zoom where the pointer is; shift, or sideways, moves. The wheel alone scrolls rows. */
function useWheel(scroller: React.RefObject<HTMLDivElement | null>, zoom: Props["zoom"], pan: Props["pan"]) {
  const latest = useRef({ zoom, pan });
  useEffect(() => {
    latest.current = { zoom, pan };
  });
  useEffect(() => {
    const element = scroller.current;
    if (!element) return undefined;
    const onWheel = (event: WheelEvent) => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && Math.abs(sideways) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
      event.preventDefault();
      const plot = element.querySelector(`.${classes.axisPlot}`)?.getBoundingClientRect();
      if (!plot) return;
      if (zooms) latest.current.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150), Math.min(1, Math.max(0, (event.clientX - plot.left) / plot.width)));
      else latest.current.pan(sideways / plot.width);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [scroller]);
}
