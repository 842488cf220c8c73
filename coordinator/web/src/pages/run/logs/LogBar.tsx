import { ActionIcon, Button, Menu, Select, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { Bar } from "~/ui/Page";

import type { Level, RunSearch } from "../search";
import classes from "./Logs.module.css";

const route = getRouteApi("/runs/$runId");
const LEVEL_NAMES: Record<Level, string> = { debug: "Debug and above", info: "Info and above", warning: "Warnings and above", error: "Errors and above", critical: "Critical alone" };

interface Props {
  run: Schemas["RunDetail"];
  total: number;
  count: Schemas["LogMatches"] | undefined;
  here: number;
  follow: boolean;
  setFollow: (follow: boolean) => void;
  jump: (step: 1 | -1) => void;
  toAttempt: (attempt: number | undefined) => void;
  change: (change: Partial<RunSearch>) => void;
  focusLines: () => void;
}

export function LogBar(props: Props) {
  const { run, follow, setFollow, toAttempt, change } = props;
  const { task, item, attempt, level, wrap } = route.useSearch();
  const node = run.nodes.find((one) => one.node === task);
  const attempts = node ? Math.max(node.attempt, ...node.attempts.map((one) => one.attempt)) : 0;
  return (
    <Bar label="Log">
      <Select
        aria-label="Node"
        placeholder="All nodes"
        w={150}
        searchable
        clearable
        limit={200}
        value={task ?? null}
        onChange={(next) => change({ task: next ?? undefined, item: undefined, attempt: undefined, line: undefined })}
        data={run.nodes.map((one) => one.node)}
      />
      {node?.map && (
        <TextInput
          aria-label="Item"
          placeholder="All items"
          w={96}
          inputMode="numeric"
          value={item ?? ""}
          onChange={(event) => change({ item: /^\d{1,9}$/.test(event.currentTarget.value) ? Number(event.currentTarget.value) : undefined, attempt: undefined, line: undefined })}
        />
      )}
      {node && !node.map && attempts > 1 && (
        <Select
          aria-label="Attempt"
          placeholder="All attempts"
          w={120}
          clearable
          value={attempt === undefined ? null : String(attempt)}
          onChange={(next) => toAttempt(next === null ? undefined : Number(next))}
          data={Array.from({ length: attempts }, (_, index) => ({ value: String(index + 1), label: `Attempt ${index + 1}` }))}
        />
      )}
      <Select
        aria-label="Level"
        placeholder="All levels"
        w={150}
        clearable
        value={level ?? null}
        onChange={(next) => change({ level: (next as Level | null) ?? undefined })}
        data={(Object.keys(LEVEL_NAMES) as Level[]).map((value) => ({ value, label: LEVEL_NAMES[value] }))}
      />
      <Search {...props} />
      <span className={classes.spring} />
      <Button aria-pressed={wrap === "yes"} className={classes.toggle ?? ""} onClick={() => change({ wrap: wrap ? undefined : "yes" })}>
        Wrap
      </Button>
      <Button aria-pressed={follow} className={classes.toggle ?? ""} onClick={() => setFollow(!follow)} leftSection={<Icon name="arrowDown" size={13} />}>
        Follow
      </Button>
      <Download runId={run.run_id} search={{ task, item, level }} />
    </Bar>
  );
}

function Search({ count, here, jump, change, focusLines }: Props) {
  const { q } = route.useSearch();
  const [typed, setTyped] = useState(q ?? "");
  const input = useRef<HTMLInputElement>(null);
  const apply = useDebouncedCallback((next: string) => change({ q: next || undefined }), 120);
  useEffect(() => {
    if (document.activeElement !== input.current) setTyped(q ?? "");
  }, [q]);
  const focus = () => {
    input.current?.focus();
    input.current?.select();
  };
  useShortcuts([{ keys: "/", label: "Search all lines", group: "Logs", run: focus }]);
  return (
    <div className={classes.search} role="search">
      <TextInput
        ref={input}
        aria-label="Search all lines"
        placeholder="Search all lines"
        className={classes.searchInput ?? ""}
        leftSection={<Icon name="search" size={13} />}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          apply(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") jump(event.shiftKey ? -1 : 1);
          else if (event.key === "Escape") focusLines();
        }}
      />
      {q && (
        <>
          <output className={classes.count} aria-live="polite">
            {count === undefined ? "…" : count.count === 0 ? "No match" : `${here >= 0 ? `${(here + 1).toLocaleString("en")} of ` : ""}${count.count.toLocaleString("en")}${here >= 0 ? "" : count.count === 1 ? " line" : " lines"}`}
          </output>
          <ActionIcon aria-label="Previous match" disabled={!count?.count} onClick={() => jump(-1)}>
            <Icon name="arrowUp" size={13} />
          </ActionIcon>
          <ActionIcon aria-label="Next match" disabled={!count?.count} onClick={() => jump(1)}>
            <Icon name="arrowDown" size={13} />
          </ActionIcon>
        </>
      )}
    </div>
  );
}

function Download({ runId, search: { task, item, level } }: { runId: string; search: RunSearch }) {
  const query = new URLSearchParams();
  if (task !== undefined) query.set("node", task);
  if (item !== undefined) query.set("item", String(item));
  if (level !== undefined) query.set("level", level);
  const asked = query.size > 0 ? `?${query}` : "";
  const what = asked ? "lines that fit" : "all lines";
  return (
    <Menu>
      <Menu.Target>
        <Button rightSection={<Icon name="chevronDown" size={12} />}>Download</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item component="a" href={`/api/v1/runs/${runId}/logs.txt${asked}`} download>
          Text, {what}
        </Menu.Item>
        <Menu.Item component="a" href={`/api/v1/runs/${runId}/logs.jsonl${asked}`} download>
          JSON lines, {what}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
