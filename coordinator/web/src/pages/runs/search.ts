import type { RunSummary } from "~/live/frames";
import { RUN_STATES, type RunState } from "~/design/states";
import { RANGES, RANGE_NAMES, type Range } from "~/app/ranges";
import { list, oneOf, someOf, text } from "~/app/search";
import { flag } from "~/ui/commandLine";

/** What the address of the list of runs says. */
export interface RunsSearch {
  workflow?: string | undefined;
  state?: RunState[] | undefined;
  trigger?: string | undefined;
  event?: string | undefined;
  label?: string | undefined;
  q?: string | undefined;
  range?: Range | undefined;
  /** Ends of a time range, RFC 3339. */
  from?: string | undefined;
  before?: string | undefined;
  /** The row that the keyboard is on. */
  at?: string | undefined;
  /** Runs that are selected. */
  pick?: string[] | undefined;
}

export type RunsFilter = Omit<RunsSearch, "at" | "pick">;

export function runsSearch(search: Record<string, unknown>): RunsSearch {
  return {
    workflow: text(search["workflow"]),
    state: someOf(search["state"], RUN_STATES),
    trigger: text(search["trigger"]),
    event: text(search["event"]),
    label: text(search["label"]),
    q: text(search["q"]),
    range: oneOf(search["range"], RANGE_NAMES),
    from: text(search["from"]),
    before: text(search["before"]),
    at: text(search["at"]),
    pick: list(search["pick"])?.slice(0, 200),
  };
}

export function filterOf({ at: _at, pick: _pick, ...filter }: RunsSearch): RunsFilter {
  return filter;
}

/** The filter as the API's query. A range is counted back from `nowUs`. */
export function queryOf(filter: RunsFilter, nowUs: number) {
  const { range, from, state, ...rest } = filter;
  const fromUs = range === undefined ? undefined : String(Math.round(nowUs - RANGES[range] * 1e6));
  return { ...rest, state, from: from ?? fromUs };
}

/** Whether a run that the stream told of belongs into the list: the API's filter, said again. */
export function matches(run: RunSummary, filter: RunsFilter, nowUs: number): boolean {
  const [key, value] = split(filter.label);
  const fromUs = filter.from ? Date.parse(filter.from) * 1000 : filter.range ? nowUs - RANGES[filter.range] * 1e6 : 0;
  const search = filter.q?.toLowerCase();
  return (
    (!filter.workflow || run.workflow === filter.workflow) &&
    (!filter.state || filter.state.includes(run.state)) &&
    (!filter.trigger || run.trigger === filter.trigger) &&
    (!filter.event || run.event_id === filter.event) &&
    (!key || run.labels[key] === value) &&
    run.created_at_us >= fromUs &&
    (!filter.before || run.created_at_us < Date.parse(filter.before) * 1000) &&
    (!search || run.run_id.toLowerCase().includes(search) || (run.error?.message.toLowerCase().includes(search) ?? false))
  );
}

function split(label: string | undefined): [string, string] | [] {
  const at = label?.indexOf("=") ?? -1;
  return label && at > 0 ? [label.slice(0, at), label.slice(at + 1)] : [];
}

/** `headrace runs list` with the same filter. */
export function listCommand(filter: RunsFilter): string {
  const flags = [
    flag("--workflow", filter.workflow),
    ...(filter.state ?? []).map((state) => flag("--state", state)),
    flag("--trigger", filter.trigger),
    flag("--event", filter.event),
    flag("--label", filter.label),
    flag("--search", filter.q),
  ];
  return ["headrace runs list", ...flags.filter(Boolean)].join(" ");
}
