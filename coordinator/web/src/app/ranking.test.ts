import { expect, it } from "vitest";

import { type PaletteEntry, rank } from "./ranking";

const entry = (label: string, more: Partial<PaletteEntry> = {}): PaletteEntry => ({ key: label, label, hint: "", icon: "runs", run: () => undefined, ...more });
const labels = (query: string, entries: PaletteEntry[]) => rank(entries, query).map((one) => one.label);

it("beginnings come before insides, short before long", () => {
  const entries = [entry("monthly_flights"), entry("flights"), entry("highflights"), entry("flights_archive")];
  expect(labels("fli", entries)).toEqual(["flights", "flights_archive", "monthly_flights", "highflights"]);
});

it("every word has to fit somewhere", () => {
  const entries = [entry("Go to Runs"), entry("01abc", { hint: "flights", state: "failed" })];
  expect(labels("flights 01", entries)).toEqual(["01abc"]);
  expect(labels("flights 02", entries)).toEqual([]);
});

it("nothing typed offers actions, not a thousand runs", () => {
  expect(labels("", [entry("Go to Runs"), entry("01abc", { state: "failed" })])).toEqual(["Go to Runs"]);
});
