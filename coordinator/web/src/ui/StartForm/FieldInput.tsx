import { Checkbox, Select, TextInput, Textarea } from "@mantine/core";
import type { ReactNode } from "react";

import mantine from "~/design/mantine.module.css";

import classes from "./StartForm.module.css";
import { type Field, type Schema, exampleOf } from "./schema";

interface Props {
  field: Field;
  root: Schema;
  id: string;
  typed: string;
  error: string | undefined;
  first: boolean;
  change: (typed: string) => void;
  leave: () => void;
}

const LABELS = { input: mantine["input"] ?? "", label: classes.label ?? "", description: classes.about ?? "", error: classes.error ?? "" };

/** The control for one param: what it is called, what has to be written, and what is wrong with it. */
export function FieldInput({ field, root, id, typed, error, first, change, leave }: Props) {
  const common = {
    id,
    label: <Label field={field} />,
    description: field.about || undefined,
    error,
    onBlur: leave,
    classNames: LABELS,
    ...(first ? { "data-autofocus": true } : {}),
    "aria-required": field.required,
  };
  switch (field.kind) {
    case "boolean":
      return (
        <Checkbox
          id={id}
          label={<Label field={field} />}
          description={field.about || undefined}
          error={error}
          checked={typed === "true"}
          onChange={(event) => change(String(event.currentTarget.checked))}
          {...(first ? { "data-autofocus": true } : {})}
        />
      );
    case "choice":
      return (
        <Select
          {...common}
          value={typed || null}
          clearable={field.nullable || (!field.required && !field.fallback)}
          placeholder={field.nullable ? "none" : "Choose…"}
          onChange={(next) => change(next ?? "")}
          data={field.options.map((one) => ({ value: JSON.stringify(one), label: typeof one === "string" ? one : JSON.stringify(one) }))}
        />
      );
    case "json":
      return (
        <Textarea
          {...common}
          value={typed}
          rows={Math.min(12, Math.max(2, typed.split("\n").length))}
          placeholder={field.nullable ? "none" : JSON.stringify(exampleOf(field.schema, root))}
          classNames={{ ...LABELS, input: `${mantine["input"] ?? ""} ${classes.json ?? ""}` }}
          spellCheck={false}
          onChange={(event) => change(event.currentTarget.value)}
        />
      );
    default:
      return (
        <TextInput
          {...common}
          value={typed}
          inputMode={field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : "text"}
          placeholder={field.nullable ? "none" : undefined}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => change(event.currentTarget.value)}
        />
      );
  }
}

function Label({ field }: { field: Field }): ReactNode {
  return (
    <>
      {field.name}
      <span className={classes.type}>
        {field.type}
        {field.required ? ", required" : ""}
      </span>
    </>
  );
}
