import { duration } from "~/time/format";

import { type Column, VirtualTable } from "../parts/VirtualTable";
import type { Row } from "./rows";

const COLUMNS: readonly Column<Row>[] = [
  { title: "Span", width: "minmax(180px, 2fr)", cell: (row) => `${"· ".repeat(Math.min(8, row.depth))}${row.name}` },
  { title: "Service", width: "150px", cell: (row) => row.service },
  { title: "Status", width: "70px", cell: (row) => row.status },
  { title: "Critical", width: "60px", cell: (row) => (row.critical ? "yes" : "") },
  { title: "Begins after", width: "100px", right: true, cell: (row) => duration(row.offset_s * 1e6) },
  { title: "Takes", width: "90px", right: true, cell: (row) => duration(row.duration_s * 1e6) },
  { title: "In the queue", width: "90px", right: true, cell: (row) => (row.queue_wait_s === null ? "" : duration(row.queue_wait_s * 1e6)) },
];

/** What the waterfall shows, for reading line by line. */
export function TraceTable({ rows, selected, select }: { rows: readonly Row[]; selected: string | undefined; select: (row: Row) => void }) {
  return <VirtualTable label="Spans" columns={COLUMNS} rows={rows} rowKey={(row) => row.span_id} selected={selected} select={select} />;
}
