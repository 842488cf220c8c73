import { describe, expect, it } from "vitest";

import { type ChartData, columns } from "./series";

const chart: ChartData = {
  kind: "stack",
  fromUs: 60e6,
  bucketUs: 60e6,
  series: [
    { name: "Failed", hue: "failed", values: [1, 0, 2] },
    { name: "Succeeded", hue: "succeeded", values: [4, null, 6] },
  ],
  written: String,
};

describe("the columns of a chart", () => {
  it("stack: the topmost layer comes first and holds all below it", () => {
    expect(columns(chart)).toEqual([[60, 120, 180], [5, 0, 8], [1, 0, 2]]);
  });

  it("lines keep their values and their gaps", () => {
    expect(columns({ ...chart, kind: "lines" })).toEqual([[60, 120, 180], [1, 0, 2], [4, null, 6]]);
  });
});
