import { Select } from "@mantine/core";
import { useDebouncedCallback, useMediaQuery } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { useMemo } from "react";

import { useSettings } from "~/settings/settings";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Bar } from "~/ui/Page";
import { StateChips } from "~/ui/StateChips";
import { quoted } from "~/ui/commandLine";

import { upstreamOf } from "../graph/describe";
import { CELL_STATES } from "../search";
import { useWorkflow } from "../useWorkflow";
import classes from "./Grid.module.css";
import { GridCanvas } from "./GridCanvas";
import type { Sizes, Spot } from "./draw";
import { type Model, countStates, topological, usualMs } from "./model";
import { useGrid } from "./useGrid";

const route = getRouteApi("/workflows/$name/grid");
const COUNTS = [25, 100, 250, 1000];
const USUAL = 100;

/** The last runs of a workflow against its nodes: the oldest at the left, the newest at the right. */
export function GridTab() {
  const { name } = route.useParams();
  const { runs = USUAL, cell } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useGrid(name, runs);
  const counts = useMemo(() => (query.data ? countStates(query.data) : null), [query.data]);
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton rows={10} />;
  if (query.data.columns.length === 0) {
    return (
      <Empty icon="grid" title="No run yet" command={`headrace run ${quoted(name)}`}>
        Each run becomes a column here, each node a row. The first one appears by itself.
      </Empty>
    );
  }
  return (
    <div className={classes.tab}>
      <Bar label="Filters">
        <Select
          aria-label="How many runs"
          w={140}
          allowDeselect={false}
          value={String(runs)}
          onChange={(next) => void navigate({ search: (old) => ({ ...old, runs: Number(next) === USUAL ? undefined : Number(next) }), replace: true })}
          data={[...new Set([...COUNTS, runs])].sort((a, b) => a - b).map((count) => ({ value: String(count), label: `Last ${count.toLocaleString("en")} runs` }))}
        />
        <span className={classes.muted}>Oldest left, newest right</span>
        <StateChips
          label="Only runs with a node that is"
          states={CELL_STATES.filter((state) => counts?.has(state) || cell?.includes(state))}
          on={cell ?? []}
          count={(state) => (counts?.get(state) ?? 0).toLocaleString("en")}
          change={(next) => void navigate({ search: (old) => ({ ...old, cell: next }), replace: true })}
        />
      </Bar>
      <Filtered name={name} model={query.data} />
    </div>
  );
}

function Filtered({ name, model }: { name: string; model: Model }) {
  const { cell, run, task } = route.useSearch();
  const navigate = route.useNavigate();
  const workflow = useWorkflow(name);
  const sizes = useSizes();
  const lit = useMemo(() => (cell ? new Set(cell) : null), [cell]);
  const columns = useMemo(() => (lit ? model.columns.filter((column) => column.states.some((state) => state !== null && lit.has(state))) : model.columns), [model, lit]);
  const definition = workflow.data?.definition;
  const rows = useMemo(() => topological(model.nodes, new Map((definition?.nodes ?? []).map((node) => [node.id, upstreamOf(node)]))), [model.nodes, definition]);
  const usual = useMemo(() => usualMs(model), [model]);
  const scene = { columns, rows, nodes: model.nodes, usualMs: usual, lit };
  const say = useDebouncedCallback((spot: Spot) => {
    const node = spot.row < 0 ? undefined : model.nodes[rows[spot.row] ?? -1];
    void navigate({ search: (old) => ({ ...old, run: columns[spot.column]?.run.run_id, task: node }), replace: true, resetScroll: false });
  }, 200);
  if (columns.length === 0) {
    return (
      <Empty icon="grid" title="No run has a node in such a state" command="">
        Choose another state above.
      </Empty>
    );
  }
  const at = run === undefined ? null : spotOf(columns, rows, model.nodes, run, task);
  return <GridCanvas key={cell?.join(" ") ?? ""} name={name} scene={scene} sizes={sizes} at={at} moved={say} />;
}

function spotOf(columns: Model["columns"], rows: readonly number[], nodes: readonly string[], run: string, task: string | undefined): Spot | null {
  const column = columns.findIndex((one) => one.run.run_id === run);
  return column < 0 ? null : { column, row: task === undefined ? -1 : rows.findIndex((at) => nodes[at] === task) };
}

function useSizes(): Sizes {
  const compact = useSettings((settings) => settings.density === "compact");
  const narrow = useMediaQuery("(max-width: 700px)", undefined, { getInitialValueInEffect: false });
  return useMemo(() => ({ label: narrow ? 130 : 240, head: compact ? 60 : 72, column: compact ? 16 : 20, row: compact ? 18 : 22 }), [compact, narrow]);
}
