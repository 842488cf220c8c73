import { StateBadge } from "~/design/State";
import { duration } from "~/time/format";
import { Time } from "~/time/Time";

import { type Column, VirtualTable } from "../parts/VirtualTable";
import type { Line } from "./Plot";
import type { Segment } from "./segments";

const COLUMNS: readonly Column<Line>[] = [
  { title: "Node", width: "minmax(140px, 1fr)", cell: (line) => (line.item === null ? line.label : `${line.node}${line.label}`) },
  { title: "State", width: "130px", cell: (line) => <StateBadge state={line.state} /> },
  { title: "Attempts", width: "70px", right: true, cell: (line) => new Set(line.segments.filter((one) => one.kind === "run").map((one) => one.attempt)).size || "" },
  { title: "In the queue", width: "100px", right: true, cell: (line) => sum(line.segments, "wait") },
  { title: "At work", width: "100px", right: true, cell: (line) => sum(line.segments, line.map ? "map" : "run") },
  { title: "Between attempts", width: "120px", right: true, cell: (line) => sum(line.segments, "backoff") },
  { title: "Began", width: "150px", right: true, cell: (line) => line.segments[0] && <Time us={line.segments[0].fromUs} as="absolute" /> },
  { title: "Ended", width: "150px", right: true, cell: ({ segments }) => segments.at(-1)?.open === false && <Time us={segments.at(-1)?.toUs ?? 0} as="absolute" /> },
];

/** What the timeline shows, for reading line by line. */
export function TimelineTable({ lines, selected, select }: { lines: readonly Line[]; selected: string | undefined; select: (line: Line) => void }) {
  return <VirtualTable label="Timeline" columns={COLUMNS} rows={lines.filter((line) => !line.note)} rowKey={(line) => line.key} selected={selected} select={select} />;
}

function sum(segments: readonly Segment[], kind: Segment["kind"]): string {
  const found = segments.filter((one) => one.kind === kind);
  return found.length === 0 ? "" : duration(found.reduce((us, one) => us + one.toUs - one.fromUs, 0));
}
