import { Button } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { type KeyboardEvent, type PointerEvent, useRef, useState } from "react";

import type { Schemas } from "~/api/client";
import { StateIcon } from "~/design/State";
import { RUN_STATES, type RunState, lookOf } from "~/design/states";
import { useZone } from "~/settings/settings";
import { absolute } from "~/time/format";
import { nowUs } from "~/time/now";

import classes from "./Histogram.module.css";
import type { RunsFilter } from "./search";
import { useRunHistogram } from "./useRunCounts";

type Found = Schemas["RunHistogram"];

/** From the bottom of a bar upwards: what one looks for stands on the line. */
const LAYERS: readonly RunState[] = ["failed", "cancelled", "running", "succeeded"];

interface Props {
  filter: RunsFilter;
  change: (change: RunsFilter) => void;
}

/** When runs were created. A click, a drag, or Enter and Shift with the arrow keys choose a stretch of time. */
export function Histogram({ filter, change }: Props) {
  const narrow = useMediaQuery("(max-width: 700px)", undefined, { getInitialValueInEffect: false });
  const found = useRunHistogram(filter, narrow ? 40 : 80);
  const zoomed = filter.from !== undefined || filter.before !== undefined;
  if (!found || (!zoomed && found.buckets.every((one) => sum(one) === 0))) return null;
  return <Bars found={found} choose={(from, before) => change({ range: undefined, from, before })} zoomed={zoomed} />;
}

function Bars({ found: newest, choose, zoomed }: { found: Found; choose: (from: string | undefined, before: string | undefined) => void; zoomed: boolean }) {
  // Bars stand still while somebody is at them.
  const [held, setHeld] = useState<Found | null>(null);
  const found = held ?? newest;
  const { buckets, bucket_us: width } = found;
  const zone = useZone();
  const row = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState(0);
  const [pointed, setPointed] = useState<number | null>(null);
  const [focused, setFocused] = useState(false);
  /** Both ends of the stretch that is being chosen. */
  const [stretch, setStretch] = useState<readonly [number, number] | null>(null);
  const most = Math.max(1, ...buckets.map(sum));
  const clock = (us: number) => absolute(us, nowUs(), zone);
  const [first, last] = (stretch ?? [pointed ?? at, pointed ?? at]).toSorted((a, b) => a - b) as [number, number];
  const within = (index: number) => stretch !== null && index >= first && index <= last;
  const end = (index: number) => (buckets[index]?.from_us ?? 0) + width;

  const apply = ([one, other]: readonly [number, number]) => {
    const [low, high] = one < other ? [one, other] : [other, one];
    setStretch(null);
    setHeld(null);
    choose(new Date((buckets[low]?.from_us ?? 0) / 1000).toISOString(), new Date(Math.ceil(end(high) / 1000)).toISOString());
  };
  const focus = (index: number) => {
    setAt(index);
    row.current?.querySelectorAll("button")[index]?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: buckets.length - 1 }[event.key];
    if (next !== undefined) {
      const to = Math.min(buckets.length - 1, Math.max(0, next));
      setStretch(event.shiftKey ? [stretch?.[0] ?? at, to] : null);
      focus(to);
    } else if (event.key === "Enter" || event.key === " ") {
      apply(stretch ?? [at, at]);
    } else if (event.key === "Escape" && stretch) {
      setStretch(null);
    } else {
      return;
    }
    event.preventDefault();
  };
  const under = (event: PointerEvent) => {
    const box = row.current?.getBoundingClientRect();
    return box ? Math.min(buckets.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * buckets.length))) : 0;
  };
  const told = stretch !== null || pointed !== null || focused;
  return (
    <div className={classes.histogram}>
      <div
        ref={row}
        className={classes.bars}
        role="toolbar"
        aria-label="Runs by time of creation: choose a stretch of time"
        tabIndex={-1}
        onKeyDown={onKeyDown}
        onFocus={() => {
          setFocused(true);
          setHeld((old) => old ?? newest);
        }}
        onBlur={(event) => {
          if (event.currentTarget.contains(event.relatedTarget)) return;
          setFocused(false);
          setHeld(null);
          setStretch(null);
        }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setStretch([under(event), under(event)]);
        }}
        onPointerEnter={() => setHeld((old) => old ?? newest)}
        onPointerMove={(event) => {
          setPointed(under(event));
          if (stretch && event.buttons > 0) setStretch([stretch[0], under(event)]);
        }}
        onPointerUp={() => stretch && apply(stretch)}
        onPointerCancel={() => setStretch(null)}
        onPointerLeave={() => {
          setPointed(null);
          setHeld(null);
        }}
      >
        {buckets.map((bucket, index) => (
          <button
            // A bar is its place: times move on, the focus stays.
            // oxlint-disable-next-line react/no-array-index-key
            key={index}
            type="button"
            className={classes.bucket}
            tabIndex={index === Math.min(at, buckets.length - 1) ? 0 : -1}
            aria-label={`${clock(bucket.from_us)} to ${clock(end(index))}: ${inWords(bucket)}`}
            aria-pressed={within(index)}
            onFocus={() => setAt(index)}
          >
            <span className={classes.bar} style={{ height: `${(100 * sum(bucket)) / most}%`, background: stripes(bucket) }} />
          </button>
        ))}
      </div>
      <div className={classes.line}>
        <span>
          {clock(found.from_us)}
          {found.more && ", the newest alone are drawn"}
        </span>
        <span className={classes.told} aria-hidden="true">
          {told && (
            <>
              {clock(buckets[first]?.from_us ?? 0)} – {clock(end(last))}
              <Counts buckets={buckets.slice(first, last + 1)} />
            </>
          )}
        </span>
        {zoomed && (
          <Button className={classes.out ?? ""} onClick={() => choose(undefined, undefined)}>
            Zoom out
          </Button>
        )}
        <span>{clock(found.before_us)}</span>
      </div>
    </div>
  );
}

function Counts({ buckets }: { buckets: Found["buckets"] }) {
  const counts = RUN_STATES.map((state) => [state, buckets.reduce((all, one) => all + (one.counts[state] ?? 0), 0)] as const);
  const some = counts.filter(([, count]) => count > 0);
  if (some.length === 0) return <span>no run</span>;
  return some.map(([state, count]) => (
    <span key={state} className={classes.count}>
      <StateIcon state={state} size={11} /> {count.toLocaleString("en")}
    </span>
  ));
}

function sum(bucket: Schemas["Bucket"]): number {
  return Object.values(bucket.counts).reduce((all, count) => all + count, 0);
}

function inWords(bucket: Schemas["Bucket"]): string {
  const parts = RUN_STATES.flatMap((state) => (bucket.counts[state] ? [`${bucket.counts[state]} ${lookOf(state).label.toLowerCase()}`] : []));
  return parts.join(", ") || "no run";
}

/** One element a bar: its layers are stops of a gradient, with a hair between them that does not need the hue. */
function stripes(bucket: Schemas["Bucket"]): string {
  const all = sum(bucket);
  const stops: string[] = [];
  let below = 0;
  for (const state of LAYERS) {
    const count = bucket.counts[state] ?? 0;
    if (count === 0) continue;
    const colour = `var(--state-${lookOf(state).hue})`;
    const [from, to] = [(100 * below) / all, (100 * (below + count)) / all];
    stops.push(`${colour} ${from}%`, `${colour} calc(${to}% - 1px)`, `var(--page) calc(${to}% - 1px)`, `var(--page) ${to}%`);
    below += count;
  }
  return stops.length > 0 ? `linear-gradient(to top, ${stops.join(", ")})` : "none";
}
