import { TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { RANGES } from "~/app/ranges";
import { StateIcon } from "~/design/State";
import { flag, quoted } from "~/ui/commandLine";
import { CommandDialog } from "~/ui/CommandDialog";
import { Failure, Skeleton } from "~/ui/Feedback";
import { nowUs } from "~/time/now";

import classes from "./RunsDialog.module.css";
import type { RunsFilter } from "./search";

/** The parts of a `RunsCommand` that say which runs. */
type Command = Partial<Pick<Schemas["RunsCommand"], "run_ids" | "where">>;

export type RunsAction = "cancel" | "retry";

export interface RunsDialogProps {
  picked: readonly string[];
  filter: RunsFilter;
  onClose: () => void;
  onDone: () => void;
}

const WORDS = {
  cancel: {
    verb: "Cancel",
    kind: "running",
    done: "cancelled",
    will: "will be cancelled. Nothing new is dispatched, and attempts that run are told to stop.",
    none: "No running run fits the filters",
    other: "finished already",
  },
  retry: {
    verb: "Retry",
    kind: "failed or cancelled",
    done: "retried",
    will: "will go on, with the version and params they started with. What has succeeded is kept; what failed, was cancelled or never ran begins again.",
    none: "No failed or cancelled run fits the filters",
    other: "neither failed nor cancelled",
  },
} as const;

/** Cancels or retries the selected runs, or all that fit the filters; tells first which those are. */
export function RunsDialog({ action, picked, filter, onClose, onDone }: RunsDialogProps & { action: RunsAction }) {
  const words = WORDS[action];
  const [reason, setReason] = useState("");
  const target = useMemo(() => targetOf(picked, filter), [picked, filter]);
  const preview = useQuery({
    queryKey: ["runs", action, target],
    queryFn: () => send(action, { ...target, preview: true }),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const act = useMutation({
    mutationFn: (runIds: string[]) => send(action, { run_ids: runIds, reason, by: "web" }),
    onSuccess: (answer) => {
      onDone();
      if (answer.failed.length === 0) onClose();
    },
  });
  const found = preview.data;
  return (
    <CommandDialog
      title={`${words.verb} runs`}
      action={found && found.count > 0 ? `${words.verb} ${found.count} ${found.count === 1 ? "run" : "runs"}` : words.verb}
      danger={action === "cancel"}
      command={found && found.count > 0 ? commandOf(action, picked.length > 0 || !tellable(filter) ? found.run_ids : null, filter, reason) : null}
      busy={act.isPending}
      disabled={!found || found.count === 0 || act.isSuccess}
      error={act.error}
      onConfirm={() => found && act.mutate(found.run_ids)}
      onClose={onClose}
    >
      {preview.isError && <Failure error={preview.error} retry={() => void preview.refetch()} />}
      {preview.isPending && <Skeleton rows={3} label="Looking which runs those are" />}
      {found && <Preview found={found} selected={picked.length} action={action} />}
      {act.data && act.data.failed.length > 0 && (
        <p role="alert">
          {act.data.done.length} {words.done}, {act.data.failed.length} not: {act.data.failed[0]?.error.message}
        </p>
      )}
      <TextInput label="Reason (kept in each run's history)" data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
    </CommandDialog>
  );
}

function send(action: RunsAction, body: Schemas["RunsCommand"]) {
  return data(action === "cancel" ? api.POST("/api/v1/runs/cancel", { body }) : api.POST("/api/v1/runs/retry", { body }));
}

function Preview({ found, selected, action }: { found: Schemas["RunsReply"]; selected: number; action: RunsAction }) {
  const words = WORDS[action];
  if (found.count === 0) return <p>{selected > 0 ? `None of the selected runs is ${words.kind}` : words.none}: there is nothing to do.</p>;
  const others = selected - found.count;
  return (
    <div className={classes.preview}>
      <p>
        <b>{found.count.toLocaleString("en")}</b> {words.kind} {found.count === 1 ? "run" : "runs"} {words.will}
        {found.more && " Others fit as well: do it again for them."}
        {selected > 0 && others > 0 && ` ${others} of those selected ${others === 1 ? "is" : "are"} ${words.other} and ${others === 1 ? "stays as it is" : "stay as they are"}.`}
      </p>
      {/* Scrolled by the keyboard, too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <ul className={classes.runs} tabIndex={0} aria-label="Which">
        {found.runs.map((run) => (
          <li key={run.run_id}>
            <StateIcon state={run.state} size={12} label />
            <span>{run.workflow}</span>
            <code>{run.run_id}</code>
          </li>
        ))}
      </ul>
    </div>
  );
}

function targetOf(picked: readonly string[], filter: RunsFilter): Command {
  if (picked.length > 0) return { run_ids: [...picked] };
  const { range, from, before, state, ...rest } = filter;
  return {
    where: {
      ...rest,
      states: state,
      from_us: from ? Date.parse(from) * 1000 : range ? Math.round(nowUs() - RANGES[range] * 1e6) : undefined,
      before_us: before ? Date.parse(before) * 1000 : undefined,
    },
  };
}

function commandOf(action: RunsAction, runIds: readonly string[] | null, filter: RunsFilter, reason: string): string {
  const why = reason ? ` --reason ${quoted(reason)}` : "";
  const command = `headrace runs ${action}`;
  if (runIds === null) return `${command}${chosen(action, filter)}${why}`;
  if (runIds.length === 1) return `${command} ${runIds[0]}${why}`;
  return `for run in ${runIds.join(" ")}; do ${command} "$run"${why}; done`;
}

/** Whether the command line has flags for all of the filter: with fewer it would cancel more. */
function tellable({ range, from, before, event }: RunsFilter): boolean {
  return !(range ?? from ?? before ?? event);
}

function chosen(action: RunsAction, filter: RunsFilter): string {
  // Which can be cancelled is told by the word itself.
  const states = action === "retry" ? (filter.state ?? []).filter((one) => one === "failed" || one === "cancelled") : [];
  const flags = [flag("--workflow", filter.workflow), ...states.map((one) => flag("--state", one)), flag("--trigger", filter.trigger), flag("--label", filter.label), flag("--search", filter.q)];
  return flags.filter(Boolean).map((one) => ` ${one}`).join("");
}
