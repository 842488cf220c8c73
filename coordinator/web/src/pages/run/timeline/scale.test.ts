import { expect, it } from "vitest";

import { Scale, idleOf, ticksOf, zoomed } from "./scale";

const S = 1e6;
const whole = { fromUs: 0, toUs: 100 * S };
const busy = [
  { fromUs: 0, toUs: 4 * S },
  { fromUs: 2 * S, toUs: 10 * S },
  { fromUs: 70 * S, toUs: 100 * S },
];

it("idle is what no segment covers for long", () => {
  expect(idleOf(busy, whole).map((one) => [one.fromUs / S, one.toUs / S])).toEqual([[10, 70]]);
  expect(idleOf([{ fromUs: 3 * S, toUs: 8 * S }], { fromUs: 0, toUs: 9 * S })).toEqual([]);
});

it("a folded scale and its inverse agree, and never run backwards", () => {
  const scale = new Scale(whole, idleOf(busy, whole));
  expect(scale.length / S).toBeCloseTo(40 + 40 * 0.04);
  let before = -1;
  for (let us = 0; us <= 100 * S; us += S / 2) {
    expect(scale.time(scale.place(us))).toBeCloseTo(us, 0);
    expect(scale.place(us)).toBeGreaterThan(before);
    before = scale.place(us);
  }
});

it("zooming keeps what is under the pointer, and ends at the whole", () => {
  const folds = idleOf(busy, whole);
  const scale = new Scale(whole, folds);
  const near = zoomed(scale, whole, whole, 0.1, 0.1);
  const at = (view: typeof whole) => scale.time(scale.place(view.fromUs) + (scale.place(view.toUs) - scale.place(view.fromUs)) * 0.1);
  expect(at(near)).toBeCloseTo(at(whole), 0);
  expect(zoomed(scale, whole, near, 1000)).toEqual(whole);
  expect(zoomed(scale, whole, near, 1, 0.5, 1000).toUs).toBeCloseTo(whole.toUs, 0);
});

it("the axis has round times, none of them where time is folded", () => {
  const folds = idleOf(busy, whole);
  const ticks = ticksOf(new Scale(whole, folds), folds, whole, 0, 8).map((us) => us / S);
  expect(ticks.every((s) => s % 10 === 0 && !(s > 10 && s < 70))).toBe(true);
  expect(ticks.length).toBeGreaterThan(3);
});
