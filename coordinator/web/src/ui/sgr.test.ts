import { expect, it } from "vitest";

import { readable, stretchesOf } from "./sgr";

const told = (text: string) => stretchesOf(text).map((one) => [one.at, one.text, Object.keys(one.style).length > 0 ? one.style : undefined]);

it("shows colours and weight, each to where it ends", () => {
  expect(told("a \u001B[1;31mred\u001B[22m thin\u001B[0m b")).toEqual([
    [0, "a ", undefined],
    [2, "red", { bold: true, colour: "red" }],
    [5, " thin", { bold: undefined, dim: undefined, colour: "red" }],
    [10, " b", undefined],
  ]);
  expect(told("plain")).toEqual([[0, "plain", undefined]]);
  expect(told("")).toEqual([]);
});

it.each([
  ["\u001B[92m", "green"],
  ["\u001B[38;5;208m", "yellow"],
  ["\u001B[38;5;21m", "blue"],
  ["\u001B[38;5;244m", undefined],
  ["\u001B[38;2;250;10;240m", "magenta"],
  ["\u001B[38:2:0:200:210m", "cyan"],
  ["\u001B[48;5;1;31m", "red"],
])("takes %j for %s", (sequence, colour) => {
  expect(stretchesOf(`${sequence}x`)[0]?.style.colour).toBe(colour);
});

it("shows what a terminal would obey", () => {
  expect(readable("\u001B[2J\u001B[31mred\u001B[0m \u0007\u009B over\rwritten\t\u202Eexe")).toBe(String.raw`\x1b[2Jred \x07\x9b over\rwritten` + "\t" + String.raw`\u202eexe`);
  expect(told("\u0000a")).toEqual([[0, String.raw`\x00a`, undefined]]);
});
