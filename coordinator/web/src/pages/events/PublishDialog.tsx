import { TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";

import { api, data } from "~/api/client";
import { flag, quoted } from "~/ui/commandLine";
import { CommandDialog } from "~/ui/CommandDialog";
import { Verdicts } from "~/ui/Verdicts";

import classes from "./Events.module.css";

/** What the form begins with. */
export interface Draft {
  type?: string;
  source?: string;
  subject?: string;
  data?: unknown;
}

const SOURCE = "headrace/web";

/** Publishes one event, and says what it started. */
export function PublishDialog({ draft, onClose }: { draft: Draft; onClose: () => void }) {
  const [type, setType] = useState(draft.type ?? "");
  const [source, setSource] = useState(draft.source ?? SOURCE);
  const [subject, setSubject] = useState(draft.subject ?? "");
  const [body, setBody] = useState(draft.data === undefined ? "{\n  \n}" : JSON.stringify(draft.data, null, 2));
  const dataId = useId();
  const parsed = parse(body);
  const publish = useMutation({
    mutationFn: () =>
      data(
        api.POST("/api/v1/events", {
          headers: { "content-type": "application/cloudevents+json" },
          body: { specversion: "1.0", id: newId(), source, type: type.trim(), ...(subject ? { subject } : {}), ...(parsed.value === undefined ? {} : { datacontenttype: "application/json", data: parsed.value }) } as never,
        }),
      ),
  });
  const done = publish.data?.events[0];
  return (
    <CommandDialog
      title="Publish an event"
      action={done ? "Publish again" : "Publish"}
      command={type.trim() && !parsed.error ? commandOf(type.trim(), parsed.value, source, subject) : null}
      busy={publish.isPending}
      disabled={type.trim() === "" || source === "" || parsed.error !== null}
      error={publish.error}
      onConfirm={() => publish.mutate()}
      onClose={onClose}
    >
      <TextInput label="Type" placeholder="orders.placed" list="event-types" data-autofocus required value={type} onChange={(event) => setType(event.currentTarget.value)} spellCheck={false} />
      <div className={classes.pair}>
        <TextInput label="Source" required value={source} onChange={(event) => setSource(event.currentTarget.value)} spellCheck={false} />
        <TextInput label="Subject (may be empty)" value={subject} onChange={(event) => setSubject(event.currentTarget.value)} spellCheck={false} />
      </div>
      <div>
        <label htmlFor={dataId} className={classes.label}>
          Data, as JSON (may be empty)
        </label>
        <textarea
          id={dataId}
          className={classes.json}
          rows={7}
          value={body}
          onChange={(event) => setBody(event.currentTarget.value)}
          aria-invalid={parsed.error !== null}
          aria-describedby={parsed.error === null ? undefined : `${dataId}-error`}
          spellCheck={false}
        />
        {parsed.error !== null && (
          <p id={`${dataId}-error`} className={classes.invalid}>
            {parsed.error}
          </p>
        )}
      </div>
      {done && (
        <div role="status" className={classes.published}>
          <p>
            Published.{" "}
            {done.verdicts.length === 0 ? `It started no run: no trigger listens to ${done.type}.` : `It started ${done.runs.length === 0 ? "no run" : done.runs.length === 1 ? "a run" : `${done.runs.length} runs`}:`}
          </p>
          <Verdicts verdicts={done.verdicts} />
        </div>
      )}
    </CommandDialog>
  );
}

function parse(body: string): { value: unknown; error: string | null } {
  if (body.trim() === "") return { value: undefined, error: null };
  try {
    return { value: JSON.parse(body), error: null };
  } catch (error) {
    return { value: undefined, error: error instanceof Error ? error.message : String(error) };
  }
}

function commandOf(type: string, value: unknown, source: string, subject: string): string {
  const flags = [value === undefined ? "" : `--data ${quoted(JSON.stringify(value))}`, source === SOURCE ? "" : flag("--source", source), flag("--subject", subject)];
  return [`headrace publish ${quoted(type)}`, ...flags.filter(Boolean)].join(" ");
}

/** A random id also where the page has no secure context, which `randomUUID` asks for. */
function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
