import { Select } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { api, data } from "~/api/client";
import { RANGE_LABELS, RANGE_NAMES, type Range } from "~/app/ranges";
import { RUN_STATES } from "~/design/states";
import { useZone } from "~/settings/settings";
import { absolute } from "~/time/format";
import { nowUs } from "~/time/now";
import { Bar } from "~/ui/Page";
import { Pill } from "~/ui/Pill";
import { SearchField } from "~/ui/SearchField";
import { StateChips } from "~/ui/StateChips";

import classes from "./Filters.module.css";
import type { RunsFilter } from "./search";
import { useRunCounts } from "./useRunCounts";

interface Props {
  filter: RunsFilter;
  change: (change: RunsFilter) => void;
}

/** `fixed`: the list is of one workflow, which cannot be chosen. */
export function Filters({ filter, change, fixed, children }: Props & { fixed: boolean; children: ReactNode }) {
  const zone = useZone();
  const workflows = useQuery({ queryKey: ["workflows"], queryFn: ({ signal }) => data(api.GET("/api/v1/workflows", { signal })) });
  return (
    <Bar label="Filters">
      <States filter={filter} change={change} />
      {!fixed && (
        <Select
          aria-label="Workflow"
          placeholder="Any workflow"
          w={170}
          searchable
          clearable
          value={filter.workflow ?? null}
          onChange={(workflow) => change({ workflow: workflow ?? undefined })}
          data={[...new Set([...(workflows.data?.workflows ?? []).map((one) => one.name), ...(filter.workflow ? [filter.workflow] : [])])]}
        />
      )}
      <Select
        aria-label="Created"
        placeholder="Any time"
        w={140}
        clearable
        value={filter.range ?? null}
        onChange={(range) => change({ range: (range as Range | null) ?? undefined, from: undefined, before: undefined })}
        data={RANGE_NAMES.map((value) => ({ value, label: RANGE_LABELS[value] }))}
      />
      <SearchField className={classes.search} value={filter.q} change={(q) => change({ q })} label="Search run ids and errors" placeholder="Run id or error" group="Runs" />
      {(["trigger", "event", "label", "from", "before"] as const).map(
        (name) =>
          filter[name] && (
            <Pill key={name} name={name} remove={() => change({ [name]: undefined })}>
              {name === "from" || name === "before" ? written(filter[name], zone) : filter[name]}
            </Pill>
          ),
      )}
      {children}
    </Bar>
  );
}

/** With the number of runs in each state. */
function States({ filter, change }: Props) {
  const counts = useRunCounts(filter);
  return <StateChips label="State" states={RUN_STATES} on={filter.state ?? []} count={(state) => (counts?.[state] ? counted(counts[state]) : "")} change={(state) => change({ state })} />;
}

function counted({ count, more }: { count: number; more: boolean }): string {
  return `${count.toLocaleString("en")}${more ? "+" : ""}`;
}

/** A time of the address as people read it: the address may hold microseconds, too. */
function written(time: string, zone: string): string {
  const us = /^\d+$/.test(time) ? Number(time) : Date.parse(time) * 1000;
  return Number.isFinite(us) ? absolute(us, nowUs(), zone) : time;
}
