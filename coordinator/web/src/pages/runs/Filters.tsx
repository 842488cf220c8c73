import { ActionIcon, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { api, data } from "~/api/client";
import { Icon } from "~/design/icons";
import { RUN_STATES } from "~/design/states";
import { useShortcuts } from "~/keys/keys";
import { Bar } from "~/ui/Page";
import { StateChips } from "~/ui/StateChips";

import classes from "./Filters.module.css";
import { RANGES, type Range, type RunsFilter } from "./search";
import { useRunCounts } from "./useRunCounts";

const RANGE_LABELS: Record<Range, string> = { "15m": "Last 15 minutes", "1h": "Last hour", "6h": "Last 6 hours", "24h": "Last 24 hours", "7d": "Last 7 days", "30d": "Last 30 days" };

interface Props {
  filter: RunsFilter;
  change: (change: RunsFilter) => void;
}

/** `fixed`: the list is of one workflow, which cannot be chosen. */
export function Filters({ filter, change, fixed, children }: Props & { fixed: boolean; children: ReactNode }) {
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
        data={(Object.keys(RANGES) as Range[]).map((value) => ({ value, label: RANGE_LABELS[value] }))}
      />
      <Search filter={filter} change={change} />
      {(["trigger", "event", "label", "from", "before"] as const).map((name) =>
        filter[name] ? (
          <span key={name} className={classes.pill}>
            <span className={classes.pillName}>{name}</span> {filter[name]}
            <ActionIcon size={18} className={classes.pillClose ?? ""} aria-label={`Remove the filter ${name}`} onClick={() => change({ [name]: undefined })}>
              <Icon name="close" size={11} />
            </ActionIcon>
          </span>
        ) : null,
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

function Search({ filter, change }: Props) {
  const [typed, setTyped] = useState(filter.q ?? "");
  const input = useRef<HTMLInputElement>(null);
  const apply = useDebouncedCallback((q: string) => change({ q: q.trim() || undefined }), 200);
  useEffect(() => {
    // The address changed by itself: the person went back, or chose a view.
    if (document.activeElement !== input.current) setTyped(filter.q ?? "");
  }, [filter.q]);
  useShortcuts([{ keys: "/", label: "Search runs", group: "Runs", run: () => input.current?.focus() }]);
  return (
    <TextInput
      ref={input}
      aria-label="Search run ids and errors"
      placeholder="Run id or error"
      className={classes.search ?? ""}
      leftSection={<Icon name="search" size={13} />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        apply(event.currentTarget.value);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" || event.key === "Enter") input.current?.blur();
      }}
    />
  );
}
