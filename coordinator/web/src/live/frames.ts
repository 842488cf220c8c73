import type { components } from "~/api/schema";

type Schemas = components["schemas"];
export type RunSummary = Schemas["RunSummary"];
export type LifecycleBatch = Schemas["LifecycleBatch"];

/** What the stream carries, by its event's name. */
export interface FrameData {
  hello: { id: string; now_us: number };
  beat: { now_us: number };
  reset: { id: string };
  runs: { runs: RunSummary[] };
  changes: { changes: LifecycleBatch[] };
  /** What nodes do of runs that are followed, when workers have changed it. */
  activity: { activity: Schemas["RunActivity"][] };
  /** Lines of every run that is followed, in order of position. */
  logs: { lines: Schemas["LogView"][] };
  events: { events: Schemas["EventView"][] };
  dead_letters: { dead_letters: Schemas["DeadLetterView"][] };
  workers: { workers: Schemas["WorkerView"][] };
  queues: { queues: Schemas["QueueView"][] };
}

export type FrameName = keyof FrameData;
export type Frame = { [Name in FrameName]: { event: Name; data: FrameData[Name] } }[FrameName];

/** What can be asked for: a topic, a run's history, a run's log lines. */
export type Want = `topics=${"runs" | "events" | "dead_letters" | "workers" | "queues"}` | `run=${string}` | `logs=${string}`;

/** `live`: told at once. `polling`: the stream is muted, asked every few seconds. `stale`: nobody answers. */
export type Connection = "connecting" | "live" | "polling" | "stale";

/** Whether a frame answers a want. */
export function answers(frame: Frame, want: Want): boolean {
  switch (frame.event) {
    case "hello":
    case "beat":
    case "reset":
      return true;
    case "changes":
      return frame.data.changes.some((one) => want === `run=${one.run_id}`);
    case "activity":
      return frame.data.activity.some((one) => want === `run=${one.run_id}`);
    case "logs":
      return frame.data.lines.some(({ line }) => want === `logs=${line.run_id}`);
    default:
      return want === `topics=${frame.event}`;
  }
}
