import { expect, it } from "vitest";

import { EventCutter } from "./sse";

it("cuts events out of pieces of any size", () => {
  const text = "retry: 1000\n\nid: h1-l2\nevent: runs\ndata: {\"a\":1}\n\n: still here\nid: h3-l2\n\ndata: one\ndata: two\r\n\r\n";
  for (const size of [1, 2, 3, 7, 1000]) {
    const cutter = new EventCutter();
    const found = [];
    for (let at = 0; at < text.length; at += size) found.push(...cutter.push(text.slice(at, at + size)));
    expect(found).toEqual([
      { id: "h1-l2", event: "runs", data: '{"a":1}' },
      { id: "h3-l2", event: "", data: "" },
      { id: null, event: "message", data: "one\ntwo" },
    ]);
  }
});

it("keeps what is not finished", () => {
  const cutter = new EventCutter();
  expect(cutter.push("data: half")).toEqual([]);
  expect(cutter.push(" a line\n")).toEqual([]);
  expect(cutter.push("\n")).toEqual([{ id: null, event: "message", data: "half a line" }]);
});
