import { TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useId, useMemo, useState } from "react";

import { ApiError, type Schemas, api, data } from "~/api/client";
import { CommandDialog } from "~/ui/CommandDialog";
import { Failure, Skeleton } from "~/ui/Feedback";

import { FieldInput } from "./FieldInput";
import classes from "./StartForm.module.css";
import { startCommand } from "./command";
import { fieldsOf } from "./schema";
import { type Typed, read, readLabels, typedDefaults, typedGiven } from "./values";

/** No param is called that: the field of the labels. */
const LABELS = " labels";
const TEXTS = { label: classes.label ?? "", description: classes.about ?? "", error: classes.error ?? "" };

/** Starts a run: asks for its params by the workflow's schema, and goes to the run. */
export default function StartDialog({ workflow, params, onClose }: { workflow: string; params: Readonly<Record<string, unknown>>; onClose: () => void }) {
  const query = useQuery({
    queryKey: ["workflow", workflow, null],
    queryFn: ({ signal }) => data(api.GET("/api/v1/workflows/{name}", { params: { path: { name: workflow } }, signal })),
  });
  if (query.data) return <Form detail={query.data} given={params} onClose={onClose} />;
  return (
    <CommandDialog title={`Start ${workflow}`} action="Start" command={null} disabled onConfirm={() => undefined} onClose={onClose}>
      {query.isError ? <Failure error={query.error} retry={() => void query.refetch()} /> : <Skeleton rows={4} />}
    </CommandDialog>
  );
}

function Form({ detail, given, onClose }: { detail: Schemas["WorkflowDetail"]; given: Readonly<Record<string, unknown>>; onClose: () => void }) {
  const { name, params_schema: root } = detail;
  const fields = useMemo(() => fieldsOf(root), [root]);
  const [typed, setTyped] = useState<Typed>(() => ({ ...typedDefaults(fields), ...typedGiven(fields, given) }));
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [key, setKey] = useState("");
  const [labelText, setLabelText] = useState("");
  const { labels, error: labelError } = readLabels(labelText);
  const prefix = useId();
  const navigate = useNavigate();
  const { params, errors } = useMemo(() => read(fields, typed, root), [fields, typed, root]);
  const start = useMutation({
    mutationFn: () => data(api.POST("/api/v1/workflows/{name}/runs", { params: { path: { name } }, body: { params, labels, idempotency_key: key } })),
    onSuccess: ({ run_id }) => {
      onClose();
      void navigate({ to: "/runs/$runId/graph", params: { runId: run_id } });
    },
  });
  const refused = refusedField(start.error, name);
  const change = (field: string, next: string) => {
    start.reset();
    setTyped((old) => ({ ...old, [field]: next }));
  };
  const confirm = () => {
    setLeft(new Set(fields.map((field) => field.name)));
    const wrong = fields.find((field) => errors[field.name])?.name ?? (labelError ? LABELS : undefined);
    if (wrong === undefined) return start.mutate();
    document.getElementById(`${prefix}${wrong}`)?.focus();
  };
  const complete = Object.keys(errors).length === 0 && labelError === null;
  return (
    <CommandDialog
      title={`Start ${name}`}
      action="Start"
      command={complete ? startCommand(name, params, { key, labels }) : null}
      busy={start.isPending}
      error={start.error}
      tall
      onConfirm={confirm}
      onClose={onClose}
    >
      <div className={classes.fields}>
        {fields.length === 0 && <p className={classes.note}>It takes no params. A run of version {detail.version.slice(0, 8)} begins at once.</p>}
        {fields.map((field, index) => (
          <FieldInput
            key={field.name}
            id={`${prefix}${field.name}`}
            field={field}
            root={root}
            typed={typed[field.name] ?? ""}
            error={left.has(field.name) ? (errors[field.name] ?? (refused === field.name ? "The coordinator refuses this value." : undefined)) : undefined}
            first={index === 0}
            change={(next) => change(field.name, next)}
            leave={() => setLeft((old) => (typed[field.name] ? new Set(old).add(field.name) : old))}
          />
        ))}
      </div>
      <details className={classes.more}>
        <summary>More</summary>
        <div className={classes.fields}>
          <TextInput
            id={`${prefix}${LABELS}`}
            label="Labels"
            description="Such as team=ops, day=2026-11-25. Runs are found by them."
            classNames={TEXTS}
            error={labelError ?? undefined}
            value={labelText}
            autoComplete="off"
            onChange={(event) => setLabelText(event.currentTarget.value)}
          />
          <TextInput
            label="Idempotency key"
            description="The same key starts the same run, however often it is sent."
            classNames={TEXTS}
            value={key}
            autoComplete="off"
            onChange={(event) => setKey(event.currentTarget.value)}
          />
        </div>
      </details>
      {!complete && <p className={classes.note}>The command line that does the same appears when the params are complete.</p>}
    </CommandDialog>
  );
}

/** The problem says `params of NAME, field, …`. */
function refusedField(error: unknown, workflow: string): string | undefined {
  const where = (error instanceof ApiError && error.problem.where) || "";
  const start = `params of ${workflow}, `;
  return where.startsWith(start) ? where.slice(start.length).split(/[,.[]/)[0] : undefined;
}
