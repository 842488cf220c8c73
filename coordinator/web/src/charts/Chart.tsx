import { ActionIcon, Tooltip } from "@mantine/core";
import { Suspense, useState } from "react";

import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { useZone } from "~/settings/settings";
import { absolute } from "~/time/format";
import { nowUs } from "~/time/now";
import table from "~/ui/DataTable.module.css";
import { part } from "~/ui/parts";

import classes from "./Chart.module.css";
import { type ChartData, type Series, total } from "./series";

const Plot = part(() => import("./Plot"));

/** A time series with its legend, which reads the bucket that is pointed at; and the same as a table. */
export function Chart({ chart, label, height = 172, asTable }: { chart: ChartData; label: string; height?: number; asTable: boolean }) {
  const [hovered, setHovered] = useState<number | null>(null);
  const zone = useZone();
  if (asTable) return <ChartTable chart={chart} label={label} height={height + 30} />;
  const at = hovered === null ? null : chart.fromUs + hovered * chart.bucketUs;
  const written = (one: Series) => {
    const value = hovered === null ? (chart.kind === "stack" ? total(one.values) : (one.values.findLast((found) => found !== null) ?? null)) : (one.values[hovered] ?? null);
    return value === null ? "–" : chart.written(value);
  };
  return (
    <figure className={classes.chart} aria-label={label}>
      <figcaption className={classes.legend}>
        {chart.series.map((one) => (
          <span key={one.name} className={classes.entry}>
            {one.state ? <StateIcon state={one.state} size={12} /> : <Stroke series={one} />}
            <span>{one.name}</span>
            <b>{written(one)}</b>
          </span>
        ))}
        <span className={classes.at}>{at === null ? (chart.kind === "stack" ? "in all" : "latest") : `${absolute(at, nowUs(), zone)} – ${absolute(at + chart.bucketUs, nowUs(), zone)}`}</span>
      </figcaption>
      <Suspense fallback={<div style={{ height }} />}>
        <Plot chart={chart} height={height} onHover={setHovered} />
      </Suspense>
    </figure>
  );
}

function Stroke({ series }: { series: Series }) {
  return (
    <svg width="16" height="8" viewBox="0 0 16 8" aria-hidden="true" focusable="false">
      <path d="M0 4h16" stroke={`var(--state-${series.hue})`} strokeWidth="2" strokeDasharray={series.dashed ? "5 3" : undefined} />
    </svg>
  );
}

/** The buckets in which something was, newest first. */
function ChartTable({ chart, label, height }: { chart: ChartData; label: string; height: number }) {
  const zone = useZone();
  const length = chart.series[0]?.values.length ?? 0;
  const rows = Array.from({ length }, (_, index) => length - 1 - index).filter((index) => chart.series.some((one) => one.values[index]));
  return (
    // Scrolled by the keyboard, too.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className={table.wrap} style={{ height, overflowY: "auto" }} tabIndex={0} role="region" aria-label={`${label}, as a table`}>
      <table className={`${table.table} ${table.inPanel} ${classes.table}`}>
        <thead>
          <tr>
            <th scope="col">From</th>
            {chart.series.map((one) => (
              <th key={one.name} scope="col" data-number>
                {one.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((index) => (
            <tr key={index}>
              <th scope="row">{absolute(chart.fromUs + index * chart.bucketUs, nowUs(), zone)}</th>
              {chart.series.map((one) => (
                <td key={one.name} data-number data-zero={!one.values[index] || undefined}>
                  {one.values[index] == null ? "–" : chart.written(one.values[index] ?? 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className={classes.none}>Nothing in this window.</p>}
    </div>
  );
}

/** Changes between the drawing and the table. */
export function TableSwitch({ on, label, change }: { on: boolean; label: string; change: (on: boolean) => void }) {
  return (
    <Tooltip label={on ? "As a chart" : "As a table"}>
      <ActionIcon aria-pressed={on} aria-label={`${label} as a table`} onClick={() => change(!on)}>
        <Icon name="table" size={14} />
      </ActionIcon>
    </Tooltip>
  );
}
