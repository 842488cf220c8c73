import { SegmentedControl } from "@mantine/core";
import { useMemo } from "react";

import type { Schemas } from "~/api/client";
import { Chart, TableSwitch } from "~/charts/Chart";
import type { ChartData, Series } from "~/charts/series";
import { lookOf } from "~/design/states";
import { duration } from "~/time/format";
import { Card } from "~/ui/Card";

import classes from "./Overview.module.css";
import type { OverviewSearch } from "./search";

interface Props {
  found: Schemas["Overview"];
  search: OverviewSearch;
  change: (change: Partial<OverviewSearch>) => void;
}

const FINISHED = ["failed", "cancelled", "succeeded"] as const;

/** What got done over the window, and how long tasks waited for a worker. */
export function Charts({ found, search, change }: Props) {
  const count = search.count ?? "tasks";
  const tables = search.table ?? [];
  const toggle = (name: string, on: boolean) => change({ table: on ? [...tables, name] : tables.filter((one) => one !== name) });
  const throughput = useMemo(() => stacked(found, count), [found, count]);
  const waits = useMemo(() => waited(found), [found]);
  return (
    <>
      <Card
        title="Throughput"
        className={classes.wide}
        aside={
          <span className={classes.controls}>
            <SegmentedControl aria-label="Count" value={count} onChange={(chosen) => change({ count: chosen === "runs" ? "runs" : undefined })} data={[{ value: "tasks", label: "Tasks" }, { value: "runs", label: "Runs" }]} />
            <TableSwitch label="Throughput" on={tables.includes("throughput")} change={(on) => toggle("throughput", on)} />
          </span>
        }
      >
        <Chart chart={throughput} label={`Finished ${count} by state`} asTable={tables.includes("throughput")} />
      </Card>
      <Card title="Queue wait" className={classes.narrow} aside={<TableSwitch label="Queue wait" on={tables.includes("wait")} change={(on) => toggle("wait", on)} />}>
        <Chart chart={waits} label="Time that tasks waited for a worker" asTable={tables.includes("wait")} />
      </Card>
    </>
  );
}

function stacked({ series, from_us, bucket_s }: Schemas["Overview"], count: "runs" | "tasks"): ChartData {
  const layers = FINISHED.map((state): Series => ({ name: lookOf(state).label, state, hue: lookOf(state).hue, values: series.map((bucket) => bucket[count][state] ?? 0) }));
  return { kind: "stack", fromUs: from_us, bucketUs: bucket_s * 1e6, series: layers, written: (value) => value.toLocaleString("en") };
}

function waited({ series, from_us, bucket_s }: Schemas["Overview"]): ChartData {
  const lines: Series[] = [
    { name: "p50", hue: "running", values: series.map((bucket) => bucket.wait_p50_s) },
    { name: "p95", hue: "retrying", dashed: true, values: series.map((bucket) => bucket.wait_p95_s) },
  ];
  return { kind: "lines", fromUs: from_us, bucketUs: bucket_s * 1e6, series: lines, written: (seconds) => (seconds === 0 ? "0" : duration(seconds * 1e6)) };
}
