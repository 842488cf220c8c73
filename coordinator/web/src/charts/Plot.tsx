import "uplot/dist/uPlot.min.css";

import { useEffect, useRef } from "react";
import uPlot from "uplot";

import { useAppearance } from "~/settings/appearance";
import { useZone } from "~/settings/settings";

import { type ChartData, columns } from "./series";

const FONT = "11px ui-sans-serif, system-ui, sans-serif";
const DAY_S = 86_400;

interface Props {
  chart: ChartData;
  height: number;
  onHover: (index: number | null) => void;
}

/** The drawing of a chart: a canvas that is made once, and given new data after that. */
export default function Plot({ chart, height, onHover }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ chart, onHover });
  const scheme = useAppearance();
  const zone = useZone();
  const shape = `${chart.kind} ${chart.bucketUs} ${chart.series.map((one) => one.name).join()}`;
  useEffect(() => {
    latest.current = { chart, onHover };
  });
  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const width = () => Math.max(120, element.clientWidth);
    const drawn = new uPlot(options({ zone, width: width(), height, chart: latest.current.chart, hover: (index) => latest.current.onHover(index) }), columns(latest.current.chart) as uPlot.AlignedData, element);
    plot.current = drawn;
    const resized = new ResizeObserver(() => drawn.setSize({ width: width(), height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [shape, zone, scheme, height]);
  useEffect(() => plot.current?.setData(columns(chart) as uPlot.AlignedData), [chart]);
  return <div ref={host} style={{ height }} />;
}

function options({ chart, zone, width, height, hover }: { chart: ChartData; zone: string; width: number; height: number; hover: (index: number | null) => void }): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const stacked = chart.kind === "stack";
  const axis = { stroke: colour("muted"), font: FONT, grid: { stroke: colour("line"), width: 1 }, ticks: { show: false } };
  const series = (stacked ? chart.series.toReversed() : chart.series).map((one): uPlot.Series => {
    const stroke = colour(`state-${one.hue}`);
    // A bar covers what is drawn before it: the layers below.
    if (stacked) return { label: one.name, stroke, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars?.({ size: [0.78, 28], align: 1 }) };
    return { label: one.name, stroke, width: 1.75, spanGaps: false, ...(one.dashed ? { dash: [5, 4] } : {}), points: { show: true, size: 4, fill: stroke, width: 0 } };
  });
  return {
    width,
    height,
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
    padding: [10, 18, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { range: (_, from, to) => [from, to + chart.bucketUs / 1e6] },
      y: { range: (_, _from, to) => [0, Math.max(to * 1.08, stacked ? 1 : 0.001)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 64, values: (_, splits) => splits.map(clock(zone, (splits.at(-1) ?? 0) - (splits[0] ?? 0) > DAY_S)) },
      { ...axis, size: stacked ? 38 : 52, space: 34, incrs: stacked ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000] : undefined, values: (_, splits) => splits.map(chart.written) } as uPlot.Axis,
    ],
    series: [{}, ...series],
    hooks: { setCursor: [(self) => hover(self.cursor.idx ?? null)] },
  };
}

function clock(zone: string, days: boolean): (atS: number) => string {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...(days ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit" }) });
  return (atS) => format.format(atS * 1000);
}
