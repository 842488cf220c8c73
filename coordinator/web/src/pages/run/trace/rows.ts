import type { Schemas } from "~/api/client";

export type Row = Schemas["Row"];

/** Rows that say which item and which attempt they are. */
export function namedRows({ rows, spans }: Schemas["TraceView"]): Row[] {
  const byId = new Map(spans.map((span) => [span.span_id, span.attributes ?? {}]));
  return rows.map((row) => {
    const { "headrace.item": item, "headrace.attempt": attempt } = byId.get(row.span_id) ?? {};
    const name = `${row.name}${typeof item === "number" ? `[${item}]` : ""}${typeof attempt === "number" && attempt > 1 ? ` #${attempt}` : ""}`;
    return name === row.name ? row : { ...row, name };
  });
}

/** Rows of the waterfall; of the critical path alone, with the spans that hold it. */
export function shownRows(rows: readonly Row[], criticalAlone: boolean): readonly Row[] {
  if (!criticalAlone) return rows;
  const byId = new Map(rows.map((row) => [row.span_id, row]));
  const kept = new Set<string>();
  for (const row of rows) {
    if (!row.critical) continue;
    for (let at: Row | undefined = row; at && !kept.has(at.span_id); at = byId.get(at.parent_span_id)) kept.add(at.span_id);
  }
  return rows.filter((row) => kept.has(row.span_id));
}
