import { useNavigate } from "@tanstack/react-router";
import { useCallback } from "react";

import { useShortcuts } from "~/keys/keys";
import { type Place, RowGrid, type RowPlace } from "~/ui/RowGrid";

import classes from "./RunList.module.css";
import { RunRow } from "./RunRow";
import type { RunsFilter } from "./search";

interface Props {
  listKey: string;
  ids: readonly string[];
  filter: RunsFilter;
  fresh: number;
  showFresh: () => void;
  at: string | undefined;
  picked: readonly string[];
  place: Place;
  more: boolean;
  loading: boolean;
  loadMore: () => void;
  cancel: () => void;
  retry: () => void;
}

const COLUMNS = ["State", "Workflow", "Run", "Started by", "Progress", "Duration", "Created"];

export function RunList({ filter, cancel, retry, ...list }: Props) {
  const navigate = useNavigate();
  const open = useCallback((runId: string) => void navigate({ to: "/runs/$runId", params: { runId } }), [navigate]);
  useShortcuts([
    { keys: "c", label: "Cancel runs…", group: "Runs", run: cancel },
    { keys: "r", label: "Retry runs…", group: "Runs", run: retry },
  ]);
  const row = useCallback((place: RowPlace) => <RunRow key={place.id} {...place} filter={filter} />, [filter]);
  return <RowGrid {...list} label="Runs" noun={["run", "runs"]} columns={COLUMNS} className={classes.runs} open={open} row={row} />;
}
