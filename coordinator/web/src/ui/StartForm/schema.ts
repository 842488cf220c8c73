/** What a form asks for, from a JSON Schema of params (draft 2020-12, as task parameters have it). */

export type Schema = Record<string, unknown>;
export type FieldKind = "text" | "number" | "integer" | "boolean" | "choice" | "json";

export interface Field {
  name: string;
  kind: FieldKind;
  required: boolean;
  /** Whether it may be null: an empty field is null then, unless there is a default. */
  nullable: boolean;
  /** Absent when the schema has none. */
  fallback?: { value: unknown };
  /** Of a choice. */
  options: unknown[];
  /** What has to be written, in words. */
  type: string;
  about: string;
  schema: Schema;
}

export function fieldsOf(root: Schema): Field[] {
  const properties = asSchema(root["properties"]) ?? {};
  const required = new Set(Array.isArray(root["required"]) ? root["required"] : []);
  return Object.entries(properties)
    .map(([name, found]) => fieldOf(name, asSchema(found) ?? {}, required.has(name), root))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

function fieldOf(name: string, given: Schema, required: boolean, root: Schema): Field {
  const whole = resolve(given, root);
  const { schema, nullable } = withoutNull(whole, root);
  // Yes or no is a box to tick, unless it may be neither.
  const open = schema["type"] === "boolean" && (nullable || (!required && !("default" in given)));
  const options = open ? [true, false] : choices(schema);
  const about = [given, whole, schema].map((one) => one["description"]).find((one) => typeof one === "string");
  return {
    name,
    kind: options ? "choice" : kindOf(schema),
    required,
    nullable,
    ...("default" in given ? { fallback: { value: given["default"] } } : {}),
    options: options ?? [],
    type: typeText(given, root),
    about: typeof about === "string" ? about : "",
    schema: whole,
  };
}

function kindOf(schema: Schema): FieldKind {
  switch (schema["type"]) {
    case "string":
      return "text";
    case "number":
    case "integer":
    case "boolean":
      return schema["type"];
    default:
      return "json";
  }
}

function choices(schema: Schema): unknown[] | null {
  if (Array.isArray(schema["enum"])) return schema["enum"];
  return "const" in schema ? [schema["const"]] : null;
}

/** Follows `$ref` into the `$defs` of the root, as often as it takes. */
export function resolve(schema: Schema, root: Schema): Schema {
  let found = schema;
  for (let step = 0; step < 20; step += 1) {
    const reference = found["$ref"];
    if (typeof reference !== "string" || !reference.startsWith("#/")) return found;
    const target = reference.slice(2).split("/").reduce<unknown>((at, part) => asSchema(at)?.[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")], root);
    const { $ref: _, ...own } = found;
    found = { ...asSchema(target), ...own };
  }
  return found;
}

function withoutNull(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  const type = schema["type"];
  if (Array.isArray(type) && type.includes("null")) {
    const others = type.filter((one) => one !== "null");
    return { schema: { ...schema, type: others.length === 1 ? others[0] : others }, nullable: true };
  }
  const any = alternatives(schema);
  if (!any) return { schema, nullable: type === "null" };
  const others = any.map((one) => resolve(one, root)).filter((one) => one["type"] !== "null");
  const [only] = others;
  return others.length === 1 && only ? { schema: only, nullable: others.length < any.length } : { schema: { anyOf: others }, nullable: others.length < any.length };
}

function alternatives(schema: Schema): Schema[] | null {
  const any = schema["anyOf"] ?? schema["oneOf"];
  return Array.isArray(any) ? any.map(asSchema).filter((one) => one !== undefined) : null;
}

/** A type as a person writes it: `list[int]`, `"full" | "delta"`, `Options`. */
export function typeText(schema: Schema, root: Schema = schema): string {
  if (typeof schema["$ref"] === "string") {
    const named = resolve(schema, root);
    return typeof named["title"] === "string" ? named["title"] : (schema["$ref"].split("/").at(-1) ?? "any");
  }
  const options = choices(schema);
  if (options) return options.map((one) => JSON.stringify(one)).join(" | ");
  const any = alternatives(schema);
  if (any) return any.map((one) => typeText(one, root)).join(" | ");
  if (Array.isArray(schema["type"])) return schema["type"].map((type) => typeText({ ...schema, type }, root)).join(" | ");
  if (typeof schema["title"] === "string" && schema["type"] === "object") return schema["title"];
  return plainType(schema, root);
}

function plainType(schema: Schema, root: Schema): string {
  const inner = (name: string) => typeText(asSchema(schema[name]) ?? {}, root);
  switch (schema["type"]) {
    case "string":
      return typeof schema["format"] === "string" ? schema["format"] : "text";
    case "integer":
    case "number":
    case "boolean":
    case "null":
      return schema["type"];
    case "array":
      if (Array.isArray(schema["prefixItems"])) return `(${schema["prefixItems"].map((one) => typeText(asSchema(one) ?? {}, root)).join(", ")})`;
      return asSchema(schema["items"]) ? `list of ${inner("items")}` : "list";
    case "object":
      return asSchema(schema["additionalProperties"]) ? `object of ${inner("additionalProperties")}` : "object";
    default:
      return "any";
  }
}

export function asSchema(found: unknown): Schema | undefined {
  return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Schema) : undefined;
}

/** A value that fits a schema, to show what one looks like. */
export function exampleOf(given: Schema, root: Schema, depth = 0): unknown {
  const schema = resolve(given, root);
  const inner = (found: unknown) => (depth > 4 ? null : exampleOf(asSchema(found) ?? {}, root, depth + 1));
  if ("default" in schema) return schema["default"];
  const [option] = choices(schema) ?? [];
  if (option !== undefined) return option;
  const [first] = alternatives(schema) ?? [];
  if (first) return inner(first);
  switch ([schema["type"]].flat()[0]) {
    case "string":
      return "text";
    case "integer":
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 1;
    case "boolean":
      return true;
    case "array":
      return [inner(schema["items"])];
    case "object": {
      const properties = Object.entries(asSchema(schema["properties"]) ?? {});
      return Object.fromEntries(properties.map(([name, found]) => [name, inner(found)]));
    }
    default:
      return null;
  }
}
