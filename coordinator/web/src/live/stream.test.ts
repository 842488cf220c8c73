import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, expect, it } from "vitest";

import type { Connection, Frame } from "./frames";
import { LiveStream, type StreamTimes } from "./stream";

/** A server of its own for each test: real connections, cut and held up for real. */
let server: Server;
let stream: LiveStream;
const asked: string[] = [];
/** A busy machine answers late: only tests of silence are impatient. */
const PATIENT: StreamTimes = { firstByteMs: 60_000, silenceMs: 60_000, pollMs: 5, answerMs: 60_000, retryStreamMs: 60_000, backoffMs: () => 1 };
const IMPATIENT: StreamTimes = { ...PATIENT, firstByteMs: 60, silenceMs: 60 };

afterEach(() => {
  stream.close();
  server.closeAllConnections();
  server.close();
  asked.length = 0;
});

async function follow(answer: (request: IncomingMessage, response: ServerResponse) => void, times = PATIENT) {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const frames: Frame[] = [];
  const connections: Connection[] = [];
  let onChange = () => undefined as void;
  stream = new LiveStream(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    {
      frames: (heard) => {
        frames.push(...heard);
        onChange();
      },
      connection: (connection) => {
        connections.push(connection);
        onChange();
      },
    },
    times,
  );
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      onChange = () => (holds() ? resolve() : undefined);
      onChange();
    });
  return { frames, connections, until };
}

const beat = (id: string, now: number) => `id: ${id}\nevent: beat\ndata: {"now_us":${now}}\n\n`;
const times = (frames: Frame[]) => frames.map((frame) => (frame.event === "beat" ? frame.data.now_us : -1));

it("goes on behind what it heard when the connection is cut, without gap or duplicate", async () => {
  const all = [1, 2, 3, 4, 5, 6];
  const { frames, until } = await follow((request, response) => {
    const after = Number(new URL(request.url ?? "", "http://x").searchParams.get("after") ?? 0);
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const one of all.filter((id) => id > after).slice(0, 2)) response.write(beat(String(one), one));
    if (after < 4) setTimeout(() => response.destroy(), 10);
  });
  stream.want(["topics=runs"]);
  await until(() => frames.length >= 6);
  expect(times(frames)).toEqual(all);
});

it("takes up another want from the place where it is", async () => {
  const { frames, until } = await follow((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(beat(`p${asked.length}`, asked.length));
  });
  stream.want(["topics=runs"]);
  await until(() => frames.length >= 1);
  stream.want(["topics=runs", "run=r1"]);
  await until(() => frames.length >= 2);
  expect(asked[1]).toBe("/live?run=r1&topics=runs&after=p1");
});

it("polls when no byte of the stream arrives", async () => {
  let polls = 0;
  const { frames, connections, until } = await follow((request, response) => {
    response.writeHead(200);
    if (!request.url?.startsWith("/live/poll")) return; // the proxy keeps it
    polls += 1;
    response.end(JSON.stringify({ id: `p${polls}`, frames: [{ event: "beat", data: { now_us: polls } }] }));
  }, IMPATIENT);
  stream.want(["topics=runs"]);
  await until(() => frames.length >= 3);
  expect(connections.at(-1)).toBe("polling");
  expect(asked.filter((url) => url.includes("poll")).slice(0, 2)).toEqual(["/live/poll?topics=runs", "/live/poll?topics=runs&after=p1"]);
});

it("says that it is stale when nobody answers, and live when somebody does again", async () => {
  const { connections, until } = await follow((_, response) => {
    if (asked.length < 4) return void response.writeHead(503).end();
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(beat("a", 1));
  });
  stream.want(["topics=runs"]);
  await until(() => connections.at(-1) === "live");
  expect(connections).toContain("stale");
});

it("does not wait for ever for the answer to a poll", async () => {
  let polls = 0;
  const { frames, connections, until } = await follow((request, response) => {
    if (!request.url?.startsWith("/live/poll")) return; // muted
    polls += 1;
    if (polls === 1) return; // never answered
    if (polls === 2) return void response.end("<html>");
    response.end(JSON.stringify({ id: "p1", frames: [{ event: "beat", data: { now_us: polls } }] }));
  }, { ...IMPATIENT, answerMs: 200 });
  stream.want(["topics=runs"]);
  await until(() => frames.length >= 1);
  expect(connections.slice(0, -1)).toContain("stale");
  expect(connections.at(-1)).toBe("polling");
});
