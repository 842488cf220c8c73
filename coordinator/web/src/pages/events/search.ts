import type { Schemas } from "~/api/client";
import { RANGES, RANGE_NAMES, type Range } from "~/app/ranges";
import { oneOf, text } from "~/app/search";

export type EventView = Schemas["EventView"];

/** What the address of the events says. */
export interface EventsSearch {
  type?: string | undefined;
  source?: string | undefined;
  id?: string | undefined;
  q?: string | undefined;
  range?: Range | undefined;
  /** Ends of a time range, RFC 3339. */
  from?: string | undefined;
  before?: string | undefined;
  /** New events appear by themselves. */
  follow?: "1" | undefined;
  /** The event that is shown beside the list, by its position. */
  at?: string | undefined;
}

export type EventsFilter = Omit<EventsSearch, "at" | "follow">;

export function eventsSearch(search: Record<string, unknown>): EventsSearch {
  return {
    type: text(search["type"]),
    source: text(search["source"]),
    id: text(search["id"]),
    q: text(search["q"]),
    range: oneOf(search["range"], RANGE_NAMES),
    from: text(search["from"]),
    before: text(search["before"]),
    follow: oneOf(search["follow"], ["1"] as const),
    at: text(search["at"]),
  };
}

export function filterOf({ at: _at, follow: _follow, ...filter }: EventsSearch): EventsFilter {
  return filter;
}

/** The filter as the API's query; a range is counted back from `nowUs`. */
export function queryOf({ range, from, ...rest }: EventsFilter, nowUs: number) {
  return { ...rest, from: from ?? (range && String(Math.round(nowUs - RANGES[range] * 1e6))) };
}

/** Whether an event that the stream told of belongs into the list: the API's filter, said again. */
export function matches(event: EventView, filter: EventsFilter): boolean {
  const search = filter.q?.toLowerCase();
  const received = event.received_at_us / 1000;
  return (
    (!filter.type || event.type === filter.type) &&
    (!filter.source || event.source === filter.source) &&
    (!filter.id || event.event_id === filter.id) &&
    (!filter.from || received >= Date.parse(filter.from)) &&
    (!filter.before || received < Date.parse(filter.before)) &&
    (!search || JSON.stringify([event.event, event.event_id, event.source, event.type, event.subject]).toLowerCase().includes(search))
  );
}

/** The data of an event on one line. */
export function dataLine(event: EventView): string {
  const found = event.event;
  const inside = typeof found === "object" && found !== null && "data" in found ? found.data : undefined;
  return inside === undefined || inside === null ? "" : JSON.stringify(inside);
}
