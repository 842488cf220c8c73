import { expect, it } from "vitest";

import type { Schemas } from "~/api/client";

import { type LogFilter, LogLines, type Place, cut, piecesOf } from "./lines";

type LogView = Schemas["LogView"];

function line(position: number, level = "info"): LogView {
  return { position, line: { run_id: "r", node: "n", attempt: 1, at_us: position, level, message: `line ${position}` } };
}

/** A server that holds lines; what it answers can be held back. */
function server(all: LogView[]) {
  const asked: Place[] = [];
  let gate: Promise<void> = Promise.resolve();
  const read = async (place: Place, limit: number): Promise<Schemas["LogPage"]> => {
    asked.push(place);
    const held = [...all];
    await gate;
    const offset = "offset" in place ? place.offset : "before" in place ? Math.max(0, held.length - limit) : Math.max(0, held.findIndex((one) => one.position >= place.around) - limit / 2);
    return { lines: held.slice(offset, offset + limit), offset, total: held.length, next: 0, previous: null, last: held.at(-1)?.position ?? 0, complete: false };
  };
  return { asked, read, hold: () => new Promise<() => void>((given) => (gate = new Promise<void>((open) => given(open)))) };
}

function opened(all: LogView[], filter: LogFilter = {}) {
  const api = server(all);
  return { api, lines: new LogLines(filter, api.read) };
}

it("reads the end, then only what comes into sight, once", async () => {
  const { api, lines } = opened(Array.from({ length: 5000 }, (_, index) => line(index + 10)));
  await lines.open();
  expect([lines.total, lines.at(4999)?.position, lines.at(0)]).toEqual([5000, 5009, undefined]);
  lines.need(4960, 4999);
  lines.need(990, 1010);
  lines.need(990, 1010);
  await new Promise((done) => setTimeout(done, 0));
  expect(api.asked.slice(1)).toEqual([{ offset: 500 }, { offset: 1000 }]);
  expect(lines.at(1000)?.position).toBe(1010);
});

it("lines of the stream that the answer holds already are not there twice, and none is lost while it is awaited", async () => {
  const all = [line(1), line(2)];
  const { api, lines } = opened(all);
  const letGo = await api.hold();
  const opening = lines.open();
  lines.hear([line(2), line(3)]);
  letGo();
  await opening;
  lines.hear([line(3), line(4)]);
  expect(Array.from({ length: lines.total }, (_, index) => lines.at(index)?.position)).toEqual([1, 2, 3, 4]);
});

it("takes what fits the filter, as the API does", async () => {
  const { lines } = opened([], { level: "warning" });
  await lines.open();
  lines.hear([line(1), line(2, "error"), line(3, "odd"), line(4, "warning")]);
  expect([lines.total, lines.last]).toEqual([2, 4]);
});

it("opens at a line far from the end", async () => {
  const { lines } = opened(Array.from({ length: 5000 }, (_, index) => line(index * 2)));
  await lines.open(2001);
  expect(lines.find(2001)).toBe(1001);
  expect(await lines.reach(6000)).toBe(3000);
});

it("cuts a text at what was searched, keeping its letters", () => {
  expect(cut("Error: no ERROR", "error").map((part) => [part.text, part.found])).toEqual([
    ["Error", true],
    [": no ", false],
    ["ERROR", true],
  ]);
  expect(cut("plain", "").map((part) => part.text)).toEqual(["plain"]);
});

it("finds a text across colours", () => {
  expect(piecesOf("a \u001B[31mred\u001B[0m line", "ed l").map((piece) => [piece.text, piece.found, piece.style.colour])).toEqual([
    ["a ", false, undefined],
    ["r", false, "red"],
    ["ed", true, "red"],
    [" l", true, undefined],
    ["ine", false, undefined],
  ]);
  expect(piecesOf("plain", "").map((piece) => piece.text)).toEqual(["plain"]);
});
