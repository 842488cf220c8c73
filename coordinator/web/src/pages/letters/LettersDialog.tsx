import { TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { flag } from "~/ui/commandLine";
import { CommandDialog } from "~/ui/CommandDialog";
import { Failure, Skeleton } from "~/ui/Feedback";

import classes from "./Letters.module.css";
import type { Letter } from "./search";

export type LetterAction = "redrive" | "discard";

interface Props {
  action: LetterAction;
  /** Null: all open ones that the search finds. */
  ids: readonly string[] | null;
  q: string | undefined;
  /** Those that the page has read, to say more than their ids. */
  known: ReadonlyMap<string, Letter>;
  onClose: () => void;
  onDone: () => void;
}

const WORDS = {
  redrive: { verb: "Redrive", done: "redriven", will: "will be published again on their subjects, as they came. What still cannot be understood comes back as a new dead letter." },
  discard: { verb: "Discard", done: "discarded", will: "will be put aside. Each keeps the reason, stays in the list of discarded ones, and can be redriven later." },
} as const;
const SHOWN = 20;

/** Redrives or discards letters, one or many; tells first which those are. */
export function LettersDialog({ action, ids, q, known, onClose, onDone }: Props) {
  const [reason, setReason] = useState("");
  const words = WORDS[action];
  const target = useMemo(() => (ids === null ? { where: { q: q ?? "" } } : { letter_ids: [...ids] }), [ids, q]);
  const send = (body: Schemas["LettersCommand"]) => data(action === "redrive" ? api.POST("/api/v1/dead-letters/redrive", { body }) : api.POST("/api/v1/dead-letters/discard", { body }));
  const preview = useQuery({ queryKey: ["letters", action, target], queryFn: () => send({ ...target, preview: true }), gcTime: 0, staleTime: Number.POSITIVE_INFINITY });
  const act = useMutation({
    mutationFn: (letterIds: string[]) => send({ letter_ids: letterIds, reason, by: "web" }),
    onSuccess: (answer) => {
      onDone();
      if (answer.failed.length === 0) onClose();
    },
  });
  const found = preview.data;
  const count = found?.count ?? 0;
  const letters = count === 1 ? "dead letter" : "dead letters";
  return (
    <CommandDialog
      title={`${words.verb} dead letters`}
      action={count > 0 ? `${words.verb} ${count.toLocaleString("en")}` : words.verb}
      danger={action === "discard"}
      command={found && count > 0 ? commandOf(action, ids === null ? null : found.letter_ids, q, reason) : null}
      busy={act.isPending}
      disabled={count === 0 || act.isSuccess}
      error={act.error}
      onConfirm={() => found && act.mutate(found.letter_ids)}
      onClose={onClose}
    >
      {preview.isError && <Failure error={preview.error} retry={() => void preview.refetch()} />}
      {preview.isPending && <Skeleton rows={3} label="Looking which letters those are" />}
      {found && count === 0 && <p>{ids === null ? "No open dead letter fits" : "None of them is left to decide about"}: there is nothing to do.</p>}
      {found && count > 0 && (
        <>
          <p>
            <b>{count.toLocaleString("en")}</b> {letters} {words.will}
            {found.more && " Others fit as well: do it again for them."}
          </p>
          {/* Scrolled by the keyboard, too. */}
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <ul className={classes.preview} tabIndex={0} aria-label="Which">
            {found.letter_ids.slice(0, SHOWN).map((id) => (
              <li key={id}>
                <code>{id}</code>
                <span>{known.get(id)?.error.message}</span>
              </li>
            ))}
            {count > SHOWN && <li>… and {(count - SHOWN).toLocaleString("en")} more</li>}
          </ul>
        </>
      )}
      {act.data && act.data.failed.length > 0 && (
        <p role="alert">
          {act.data.done.length} {words.done}, {act.data.failed.length} not: {act.data.failed[0]?.error.message}
        </p>
      )}
      <TextInput label="Reason (kept with each letter)" data-autofocus value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
    </CommandDialog>
  );
}

function commandOf(action: LetterAction, ids: readonly string[] | null, q: string | undefined, reason: string): string {
  // Only `discard` takes a reason on the command line.
  const why = action === "discard" ? flag(" --reason", reason) : "";
  const command = `headrace deadletters ${action}`;
  if (ids === null) return `${command} --all${flag(" --search", q)}${why}`;
  if (ids.length === 1) return `${command} ${ids[0]}${why}`;
  return `for letter in ${ids.join(" ")}; do ${command} "$letter"${why}; done`;
}
