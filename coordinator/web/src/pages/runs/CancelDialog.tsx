import { TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { StateIcon } from "~/design/State";
import { flag, quoted } from "~/ui/commandLine";
import { CommandDialog } from "~/ui/CommandDialog";
import { Failure, Skeleton } from "~/ui/Feedback";
import { nowUs } from "~/time/now";

import classes from "./CancelDialog.module.css";
import { RANGES, type RunsFilter } from "./search";

/** The parts of a `RunsCommand` that say which runs. */
type Command = Partial<Pick<Schemas["RunsCommand"], "run_ids" | "where">>;

interface Props {
  picked: readonly string[];
  filter: RunsFilter;
  onClose: () => void;
  onDone: () => void;
}

/** Cancels the selected runs, or all that fit the filters; tells first which those are. */
export function CancelDialog({ picked, filter, onClose, onDone }: Props) {
  const [reason, setReason] = useState("");
  const target = useMemo(() => targetOf(picked, filter), [picked, filter]);
  const preview = useQuery({
    queryKey: ["runs", "cancel", target],
    queryFn: () => data(api.POST("/api/v1/runs/cancel", { body: { ...target, preview: true } })),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const cancel = useMutation({
    mutationFn: (runIds: string[]) => data(api.POST("/api/v1/runs/cancel", { body: { run_ids: runIds, reason, by: "web" } })),
    onSuccess: (answer) => {
      onDone();
      if (answer.failed.length === 0) onClose();
    },
  });
  const found = preview.data;
  return (
    <CommandDialog
      title="Cancel runs"
      action={found && found.count > 0 ? `Cancel ${found.count} ${found.count === 1 ? "run" : "runs"}` : "Cancel"}
      danger
      command={found && found.count > 0 ? commandOf(picked.length > 0 || !tellable(filter) ? found.run_ids : null, filter, reason) : null}
      busy={cancel.isPending}
      disabled={!found || found.count === 0 || cancel.isSuccess}
      error={cancel.error}
      onConfirm={() => found && cancel.mutate(found.run_ids)}
      onClose={onClose}
    >
      {preview.isError && <Failure error={preview.error} retry={() => void preview.refetch()} />}
      {preview.isPending && <Skeleton rows={3} label="Looking which runs those are" />}
      {found && <Preview found={found} selected={picked.length} />}
      {cancel.data && cancel.data.failed.length > 0 && (
        <p role="alert">
          {cancel.data.done.length} cancelled, {cancel.data.failed.length} not: {cancel.data.failed[0]?.error.message}
        </p>
      )}
      <TextInput label="Reason (kept in each run's history)" data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
    </CommandDialog>
  );
}

function Preview({ found, selected }: { found: Schemas["RunsReply"]; selected: number }) {
  if (found.count === 0) return <p>{selected > 0 ? "None of the selected runs is running" : "No running run fits the filters"}: there is nothing to cancel.</p>;
  const finished = selected - found.count;
  return (
    <div className={classes.preview}>
      <p>
        <b>{found.count.toLocaleString("en")}</b> running {found.count === 1 ? "run" : "runs"} will be cancelled{found.more ? " (others fit as well: do it again for them)" : ""}. Nothing new is dispatched, and attempts
        that run are told to stop.
        {selected > 0 && finished > 0 && ` ${finished} of those selected ${finished === 1 ? "is" : "are"} finished already and ${finished === 1 ? "stays" : "stay"} as ${finished === 1 ? "it is" : "they are"}.`}
      </p>
      <ul className={classes.runs}>
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

function commandOf(runIds: readonly string[] | null, filter: RunsFilter, reason: string): string {
  const why = reason ? ` --reason ${quoted(reason)}` : "";
  if (runIds === null) return `headrace runs cancel${chosen(filter)}${why}`;
  if (runIds.length === 1) return `headrace runs cancel ${runIds[0]}${why}`;
  return `for run in ${runIds.join(" ")}; do headrace runs cancel "$run"${why}; done`;
}

/** Whether the command line has flags for all of the filter: with fewer it would cancel more. */
function tellable({ range, from, before, event }: RunsFilter): boolean {
  return !(range ?? from ?? before ?? event);
}

function chosen(filter: RunsFilter): string {
  const flags = [flag("--workflow", filter.workflow), flag("--trigger", filter.trigger), flag("--label", filter.label), flag("--search", filter.q)];
  return flags.filter(Boolean).map((one) => ` ${one}`).join("");
}
