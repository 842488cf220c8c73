import type { AnyState, Hue } from "~/design/states";

/** One line of a chart, or one layer of a stack. */
export interface Series {
  name: string;
  hue: Hue;
  /** Shown before its name when it counts a state. */
  state?: AnyState;
  dashed?: boolean;
  values: readonly (number | null)[];
}

export interface ChartData {
  kind: "stack" | "lines";
  fromUs: number;
  bucketUs: number;
  series: readonly Series[];
  /** A value as it is read. */
  written: (value: number) => string;
}

/** uPlot's columns: times in seconds, then the layers, each with all below it added, the topmost first. */
export function columns({ kind, fromUs, bucketUs, series }: ChartData): (number | null)[][] {
  const length = series[0]?.values.length ?? 0;
  const times = Array.from({ length }, (_, index) => (fromUs + index * bucketUs) / 1e6);
  if (kind === "lines") return [times, ...series.map((one) => [...one.values])];
  const sums = Array.from({ length }, () => 0);
  const layers = series.map((one) => sums.map((_, index) => (sums[index] = (sums[index] ?? 0) + (one.values[index] ?? 0))));
  return [times, ...layers.toReversed()];
}

export function total(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
