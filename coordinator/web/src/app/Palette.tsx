import { Modal } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";

import { api, data } from "~/api/client";
import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { type Shortcut, useShortcutRegistry } from "~/keys/keys";
import { keepRuns, readingBegins, useRunStore } from "~/live/runs";
import { openStart } from "~/ui/StartForm/start";

import { Keys } from "./Help";
import classes from "./Palette.module.css";
import { type PaletteEntry, rank } from "./ranking";

const SHOWN = 12;
const LIKE_AN_ID = /^[\w-]{4,}$/;

/** Everything by name: pages, what keys do here, workflows, runs. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [query, setQuery] = useState("");
  const [active, setActive] = useState(0);
  const listId = useId();
  const listRef = useRef<HTMLDivElement>(null);
  const entries = useEntries(query);
  const found = useMemo(() => rank(entries, query).slice(0, SHOWN), [entries, query]);
  useEffect(() => setActive(0), [query]);
  useEffect(() => {
    // New browsers answer with a promise, which an effect must not return.
    listRef.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [active, found]);

  const choose = (entry: PaletteEntry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && found.length > 0) {
      event.preventDefault();
      setActive((active + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(found[active]);
    }
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} padding={0} size={560} attributes={{ content: { "aria-label": "Command palette" } }}>
      <div className={classes.field}>
        <Icon name="search" />
        <input
          data-autofocus
          className={classes.input}
          placeholder="A page, a workflow, a run id, an action…"
          value={query}
          onChange={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={onKeyDown}
          role="combobox"
          aria-label="Search"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={found[active] ? `${listId}-${active}` : undefined}
          spellCheck={false}
        />
      </div>
      <div className={classes.list} id={listId} role="listbox" aria-label="Results" ref={listRef}>
        {found.map((entry, index) => (
          <button
            type="button"
            key={entry.key}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === active}
            tabIndex={-1}
            className={classes.entry}
            onMouseMove={() => setActive(index)}
            onClick={() => choose(entry)}
          >
            <span className={classes.icon}>{entry.state ? <StateIcon state={entry.state} /> : <Icon name={entry.icon} />}</span>
            <span className={classes.label}>{entry.label}</span>
            <span className={classes.hint}>{entry.keys ? <Keys shortcut={{ keys: entry.keys }} /> : entry.hint}</span>
          </button>
        ))}
        {found.length === 0 && <p className={classes.none}>Nothing is called that.</p>}
      </div>
    </Modal>
  );
}

function useEntries(query: string): PaletteEntry[] {
  const navigate = useNavigate();
  const shortcuts = useShortcutRegistry((registry) => registry.shortcuts);
  const workflows = useQuery({ queryKey: ["workflows"], queryFn: ({ signal }) => data(api.GET("/api/v1/workflows", { signal })) });
  const runs = useRunStore((store) => store.byId);
  const tick = useRunStore((store) => store.tick);
  useFoundRuns(query.trim());
  return useMemo(() => {
    const commands = shortcuts
      .filter((one) => one.keys !== "mod+k" && !one.moves)
      .map((one: Shortcut): PaletteEntry => ({
        key: `key ${one.keys}`,
        label: one.group === "Go to" ? `Go to ${one.label}` : one.label,
        hint: "",
        keys: one.keys,
        icon: one.group === "Go to" ? "chevronRight" : "terminal",
        run: one.run,
      }));
    const named = (workflows.data?.workflows ?? []).flatMap(({ name }): PaletteEntry[] => [
      { key: `workflow ${name}`, label: name, hint: "workflow", icon: "workflow", run: () => void navigate({ to: "/workflows/$name/graph", params: { name } }) },
      { key: `start ${name}`, label: `Start ${name}…`, hint: "run", icon: "play", run: () => openStart(name) },
    ]);
    const known = [...runs.values()].map((one): PaletteEntry => ({
      key: `run ${one.run_id}`,
      label: one.run_id,
      hint: one.workflow,
      icon: "runs",
      state: one.state,
      run: () => void navigate({ to: "/runs/$runId", params: { runId: one.run_id } }),
    }));
    const typed = query.trim();
    const asId: PaletteEntry[] = LIKE_AN_ID.test(typed)
      ? [{ key: "typed", label: `Search runs for “${typed}”`, hint: "", icon: "search", always: true, run: () => void navigate({ to: "/runs", search: { q: typed } }) }]
      : [];
    return [...commands, ...named, ...known, ...asId];
    // The map of runs is changed in place: the tick tells when.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [navigate, shortcuts, workflows.data, runs, tick, query]);
}

/** Puts runs into the store whose id holds what was typed, also those that this tab has never shown. */
function useFoundRuns(typed: string): void {
  const [settledOn] = useDebouncedValue(typed, 150);
  useQuery({
    queryKey: ["palette", settledOn],
    enabled: LIKE_AN_ID.test(settledOn),
    retry: false,
    queryFn: async ({ signal }) => {
      const began = readingBegins();
      const page = await data(api.GET("/api/v1/runs", { params: { query: { q: settledOn, limit: SHOWN } }, signal }));
      keepRuns(page.runs, began);
      return page.runs.length;
    },
  });
}
