import { taggedOf } from "~/api/exact";

import { type Schema, asSchema, resolve, typeText } from "./schema";

/**
 * What is wrong with a value, or null: the part of JSON Schema that says something useful before the coordinator does.
 * Whatever is not known here passes; the coordinator has the last word.
 */
export function mismatch(value: unknown, given: Schema, root: Schema, path = ""): string | null {
  // Exact values that this page cannot count with: the coordinator checks them.
  if (taggedOf(value)) return null;
  const schema = resolve(given, root);
  const where = path ? `${path}: ` : "";
  const any = schema["anyOf"] ?? schema["oneOf"];
  if (Array.isArray(any)) {
    const failures = any.map((one) => mismatch(value, asSchema(one) ?? {}, root, path));
    if (failures.includes(null)) return null;
    const [only] = failures.length === 1 ? failures : [];
    return only ?? `${where}has to be ${typeText(schema, root)}`;
  }
  if (Array.isArray(schema["enum"]) && !schema["enum"].some((one) => same(one, value))) return `${where}has to be one of ${typeText(schema, root)}`;
  if ("const" in schema && !same(schema["const"], value)) return `${where}has to be ${JSON.stringify(schema["const"])}`;
  const types = [schema["type"]].flat().filter((one) => typeof one === "string");
  if (types.length > 0 && !types.some((type) => isOf(value, type))) return `${where}has to be ${typeText(schema, root)}`;
  if (typeof value === "number") return outside(value, schema, where);
  if (typeof value === "string") return badText(value, schema, where);
  if (Array.isArray(value)) return badList(value, schema, root, path);
  const object = asSchema(value);
  return object ? badObject(object, schema, root, path) : null;
}

function isOf(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return asSchema(value) !== undefined;
    default:
      return typeof value === type;
  }
}

const LIMITS: readonly [string, (value: number, limit: number) => boolean, string][] = [
  ["minimum", (value, limit) => value >= limit, "at least"],
  ["maximum", (value, limit) => value <= limit, "at most"],
  ["exclusiveMinimum", (value, limit) => value > limit, "more than"],
  ["exclusiveMaximum", (value, limit) => value < limit, "less than"],
];

function outside(value: number, schema: Schema, where: string): string | null {
  for (const [name, holds, words] of LIMITS) {
    const limit = schema[name];
    if (typeof limit === "number" && !holds(value, limit)) return `${where}has to be ${words} ${limit}`;
  }
  return null;
}

function badText(value: string, schema: Schema, where: string): string | null {
  const { minLength, maxLength, pattern } = schema;
  if (typeof minLength === "number" && value.length < minLength) return `${where}has to have at least ${minLength} ${minLength === 1 ? "character" : "characters"}`;
  if (typeof maxLength === "number" && value.length > maxLength) return `${where}has to have at most ${maxLength} characters`;
  if (typeof pattern === "string" && !matches(value, pattern)) return `${where}has to match ${pattern}`;
  return null;
}

function matches(value: string, pattern: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    // A pattern of another dialect: the coordinator knows it.
    return true;
  }
}

function badList(value: readonly unknown[], schema: Schema, root: Schema, path: string): string | null {
  const where = path ? `${path}: ` : "";
  const { minItems, maxItems } = schema;
  if (typeof minItems === "number" && value.length < minItems) return `${where}has to have at least ${minItems} items`;
  if (typeof maxItems === "number" && value.length > maxItems) return `${where}has to have at most ${maxItems} items`;
  const first: unknown[] = Array.isArray(schema["prefixItems"]) ? schema["prefixItems"] : [];
  const found = value.map((one, index) => mismatch(one, asSchema(first[index] ?? schema["items"]) ?? {}, root, `${path}[${index}]`));
  return found.find((one) => one !== null) ?? null;
}

function badObject(value: Schema, schema: Schema, root: Schema, path: string): string | null {
  const where = path ? `${path}: ` : "";
  const properties = asSchema(schema["properties"]) ?? {};
  const missing = Array.isArray(schema["required"]) ? schema["required"].find((name) => typeof name === "string" && !(name in value)) : undefined;
  if (missing !== undefined) return `${where}"${missing}" is missing`;
  for (const [name, one] of Object.entries(value)) {
    const inside = asSchema(properties[name] ?? schema["additionalProperties"]);
    if (!inside && schema["additionalProperties"] === false) return `${where}"${name}" is unknown`;
    const found = inside ? mismatch(one, inside, root, path ? `${path}.${name}` : name) : null;
    if (found) return found;
  }
  return null;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
