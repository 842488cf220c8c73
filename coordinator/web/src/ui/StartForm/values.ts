import { longInteger, parseExact, stringifyExact, taggedInteger } from "~/api/exact";

import type { Field, Schema } from "./schema";
import { mismatch } from "./validate";

/** What is in the fields, as typed. A boolean is `true` or `false`; a choice the JSON of its option; empty is not given. */
export type Typed = Record<string, string>;

export interface Read {
  params: Record<string, unknown>;
  /** What is wrong, by field. */
  errors: Record<string, string>;
}

export function typedDefaults(fields: readonly Field[]): Typed {
  return Object.fromEntries(fields.map((field) => [field.name, field.fallback ? typedOf(field, field.fallback.value) : field.kind === "boolean" ? "false" : ""]));
}

/** Params that are known already, as one would type them. */
export function typedGiven(fields: readonly Field[], given: Readonly<Record<string, unknown>>): Typed {
  return Object.fromEntries(fields.filter((field) => field.name in given).map((field) => [field.name, typedOf(field, given[field.name])]));
}

export function typedOf(field: Field, value: unknown): string {
  if (value === null && field.kind !== "json") return "";
  const digits = longInteger(value);
  if (digits !== undefined && field.kind !== "json") return digits;
  switch (field.kind) {
    case "text":
      return String(value);
    case "json":
      return stringifyExact(value, 2);
    default:
      return JSON.stringify(value);
  }
}

/** The params that the fields say. A field that still has its default is left out: the version's default holds. */
export function read(fields: readonly Field[], typed: Typed, root: Schema): Read {
  const params: Record<string, unknown> = {};
  const errors: Record<string, string> = {};
  const defaults = typedDefaults(fields);
  for (const field of fields) {
    const text = typed[field.name] ?? "";
    if (field.fallback && text === defaults[field.name]) continue;
    const found = readOne(field, text);
    if (found === undefined) continue;
    const error = "error" in found ? found.error : mismatch(found.value, field.schema, root);
    if (error !== null) errors[field.name] = sentence(error);
    else if ("value" in found) params[field.name] = found.value;
  }
  return { params, errors };
}

/** Labels as `name=value`, one a comma; what is no such pair is told. */
export function readLabels(text: string): { labels: Record<string, string>; error: string | null } {
  const labels: Record<string, string> = {};
  for (const pair of text.split(",").map((one) => one.trim()).filter(Boolean)) {
    const at = pair.indexOf("=");
    if (at < 1) return { labels, error: `"${pair}" is not name=value.` };
    labels[pair.slice(0, at).trim()] = pair.slice(at + 1).trim();
  }
  return { labels, error: null };
}

function readOne(field: Field, text: string): { value: unknown } | { error: string } | undefined {
  if (text.trim() === "" && !(field.kind === "text" && text !== "")) return readEmpty(field);
  switch (field.kind) {
    case "text":
      return { value: text };
    case "number":
    case "integer":
      return readNumber(field.kind, text.trim());
    default:
      return readJson(text);
  }
}

function readEmpty(field: Field): { value: unknown } | { error: string } | undefined {
  if (field.nullable && (field.required || field.fallback)) return { value: null };
  if (field.kind === "text" && field.fallback) return { value: "" };
  if (field.required || field.fallback) return { error: "is required" };
  return undefined;
}

function readNumber(kind: "number" | "integer", text: string): { value: unknown } | { error: string } {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return { error: kind === "integer" ? "has to be a whole number" : "has to be a number" };
  const value = Number(text);
  if (kind === "integer" && !Number.isInteger(value)) return { error: "has to be a whole number" };
  if (!Number.isFinite(value)) return { error: "is too large for a number" };
  if (kind === "integer" && !Number.isSafeInteger(value)) {
    return /^[+-]?\d+$/.test(text) ? { value: taggedInteger(BigInt(text.replace(/^\+/, "")).toString()) } : { error: "has to be written with all its digits" };
  }
  return { value };
}

function readJson(text: string): { value: unknown } | { error: string } {
  try {
    return { value: parseExact(text) };
  } catch (error) {
    return { error: `is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function sentence(text: string): string {
  // A place inside of the value comes first then: it keeps its spelling.
  return /^(has|is) /.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}.` : `${text}.`;
}
