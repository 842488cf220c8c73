import { expect, it } from "vitest";

import { linesOf } from "./python";

const told = (source: string) => linesOf(source).map(({ stretches }) => stretches.filter((one) => one.kind !== "plain").map((one) => `${one.kind} ${one.text.trim()}`));

it("knows what is coloured", () => {
  expect(told('@task(timeout="30s")  # slow\nasync def price(x: int) -> float:\n    return x * 1.5\n')).toEqual([
    ["decorator @task", 'string "30s"', "comment # slow"],
    ["keyword async", "keyword def", "defined price"],
    ["keyword return", "number 1.5"],
  ]);
});

it("a docstring colours each of its lines, and a hash in it is no comment", () => {
  expect(told('def f():\n    """One # two\n    three"""\n    pass')).toEqual([["keyword def", "defined f"], ['string """One # two'], ['string three"""'], ["keyword pass"]]);
});

it("matrix multiplication is no decorator, and escapes do not end a string", () => {
  expect(told("a @b\n'it\\'s' + x")).toEqual([[], ["string 'it\\'s'"]]);
});

it("loses nothing, whatever the text is", () => {
  for (const source of ["x = 'open\ny = 1", '"""never closed\n\nhere', "ünï = f'{a}'\n\n\nb", "\n\n", ""]) {
    const back = linesOf(source).map(({ stretches }) => stretches.map((one) => one.text).join("")).join("\n");
    expect(back).toBe(source.replace(/\n$/, ""));
  }
});
