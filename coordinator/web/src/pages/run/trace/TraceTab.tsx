import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";

import { type Schemas, api, data } from "~/api/client";
import { useInfo } from "~/app/Header";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { duration } from "~/time/format";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";

import { Split } from "../parts/Split";
import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import { SpanPanel } from "./SpanPanel";
import { TraceTable } from "./TraceTable";
import classes from "./TraceTab.module.css";
import { Waterfall } from "./Waterfall";
import { namedRows, shownRows } from "./rows";

const route = getRouteApi("/runs/$runId");
const AGAIN_MS = 2_000;

/** Spans of the coordinator and the workers, one waterfall: what the run waited for is its critical path. */
export function TraceTab() {
  const { runId } = route.useParams();
  const { span, view, path } = route.useSearch();
  const change = useChange();
  const { summary } = useRunDetail(runId);
  const running = summary?.state === "running";
  const trace = useQuery({
    // A run that has ended is another trace than the same run in motion.
    queryKey: ["run", runId, "trace", summary?.finished_at_us ?? null],
    queryFn: async ({ signal }) => (await data(api.GET("/api/v1/runs/{run_id}/trace", { params: { path: { run_id: runId } }, signal }))) as Schemas["TraceView"],
    refetchInterval: running ? AGAIN_MS : false,
    placeholderData: (old) => old,
  });
  const all = useMemo(() => (trace.data ? namedRows(trace.data) : []), [trace.data]);
  const rows = useMemo(() => shownRows(all, path === "critical"), [all, path]);
  const at = rows.findIndex((row) => row.span_id === span);
  const move = (by: 1 | -1) => {
    const next = rows[at < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next) change({ span: next.span_id });
  };
  const show = (next: string) => change({ view: next === "table" ? "table" : undefined });
  const narrow = () => change({ path: path ? undefined : "critical" });
  const group = "Trace";
  useShortcuts([
    { keys: "v", label: "Waterfall or table", group, run: () => show(view === "table" ? "trace" : "table") },
    { keys: "p", label: "Critical path alone", group, run: narrow },
    { keys: "j", label: "Next span", group, moves: true, run: () => move(1) },
    { keys: "ArrowDown", label: "Next span", group, moves: true, run: () => move(1) },
    { keys: "k", label: "Previous span", group, moves: true, run: () => move(-1) },
    { keys: "ArrowUp", label: "Previous span", group, moves: true, run: () => move(-1) },
    ...(span ? [{ keys: "Escape", label: "Close the span", group, moves: true, run: () => change({ span: undefined }) }] : []),
  ]);
  if (trace.isError && !trace.data) return <Failure error={trace.error} retry={() => void trace.refetch()} />;
  if (!trace.data) return <Skeleton rows={12} label="Reading the trace" />;
  const { trace_id: traceId, omitted, spans } = trace.data;
  const selected = rows[at] ?? all.find((row) => row.span_id === span);
  return (
    <Split panel={span && <SpanPanel key={span} row={selected} span={spans.find((one) => one.span_id === span)} rows={all} select={(id) => change({ span: id })} close={() => change({ span: undefined })} />}>
      <div className={classes.bar} role="toolbar" aria-label="Trace">
        <p className={classes.told}>
          {spans.length.toLocaleString("en")} {spans.length === 1 ? "span" : "spans"} in {duration(trace.data.duration_s * 1e6)}
          {omitted > 0 && `; ${omitted.toLocaleString("en")} are not shown, the download has them`}
          {!trace.data.sampled && "; not exported, as its event asked"}
        </p>
        <Button aria-pressed={path === "critical"} className={classes.toggle ?? ""} onClick={narrow}>
          Critical path
        </Button>
        <Elsewhere traceId={traceId} />
        <Button component="a" href={`/api/v1/runs/${runId}/trace?format=jaeger`} download={`${runId}.jaeger.json`}>
          Jaeger JSON
        </Button>
        <SegmentedControl
          aria-label="Show as"
          value={view ?? "trace"}
          onChange={show}
          data={[
            { value: "trace", label: "Waterfall" },
            { value: "table", label: "Table" },
          ]}
        />
      </div>
      {rows.length === 0 ? (
        <Empty icon="trace" title="No span yet">
          Spans appear when nodes and attempts end.
        </Empty>
      ) : view === "table" ? (
        <TraceTable rows={rows} selected={span} select={(row) => change({ span: row.span_id })} />
      ) : (
        <Waterfall rows={rows} lengthS={trace.data.duration_s} selected={span} select={(row) => change({ span: row.span_id })} />
      )}
    </Split>
  );
}

function Elsewhere({ traceId }: { traceId: string }) {
  const template = useInfo().data?.jaeger_url_template;
  if (!template || !traceId) return null;
  return (
    <Button component="a" href={template.replace("{trace_id}", traceId)} target="_blank" rel="noreferrer" rightSection={<Icon name="external" size={12} />}>
      Open in Jaeger
    </Button>
  );
}
