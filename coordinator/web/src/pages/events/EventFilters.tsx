import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { api, data } from "~/api/client";
import { RANGE_LABELS, RANGE_NAMES, type Range } from "~/app/ranges";
import { useZone } from "~/settings/settings";
import { absolute } from "~/time/format";
import { nowUs } from "~/time/now";
import { Bar } from "~/ui/Page";
import { Pill } from "~/ui/Pill";
import { SearchField } from "~/ui/SearchField";

import classes from "./Events.module.css";
import type { EventsFilter } from "./search";

interface Props {
  filter: EventsFilter;
  change: (change: EventsFilter) => void;
  children: ReactNode;
}

export function EventFilters({ filter, change, children }: Props) {
  const zone = useZone();
  return (
    <Bar label="Filters">
      <SearchField className={classes.search} value={filter.q} change={(q) => change({ q })} label="Search events" placeholder="Id, type, source, subject or data" group="Events" />
      <SearchField className={classes.field} value={filter.type} change={(type) => change({ type })} label="Type" placeholder="Any type" list="event-types" />
      <SearchField className={classes.field} value={filter.source} change={(source) => change({ source })} label="Source" placeholder="Any source" />
      <Select
        aria-label="Received"
        placeholder="Any time"
        w={140}
        clearable
        value={filter.range ?? null}
        onChange={(range) => change({ range: (range as Range | null) ?? undefined, from: undefined, before: undefined })}
        data={RANGE_NAMES.map((value) => ({ value, label: RANGE_LABELS[value] }))}
      />
      {(["id", "from", "before"] as const).map(
        (name) =>
          filter[name] && (
            <Pill key={name} name={name} remove={() => change({ [name]: undefined })}>
              {name === "id" ? filter[name] : absolute(Date.parse(filter[name]) * 1000, nowUs(), zone)}
            </Pill>
          ),
      )}
      {children}
      <KnownTypes />
    </Bar>
  );
}

/** The types that triggers wait for, for fields with `list="event-types"`. */
export function KnownTypes() {
  const workflows = useQuery({ queryKey: ["workflows"], queryFn: ({ signal }) => data(api.GET("/api/v1/workflows", { signal })) });
  const triggers = workflows.data?.workflows.flatMap((one) => one.triggers).filter((one) => one.kind === "event") ?? [];
  // A trigger's text is `event TYPE`, and its condition behind that.
  const types = new Set(triggers.flatMap((one) => one.text.split(" ")[1] ?? []));
  return (
    <datalist id="event-types">
      {[...types].map((type) => (
        <option key={type} value={type}>
          {type}
        </option>
      ))}
    </datalist>
  );
}
