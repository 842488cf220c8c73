import { describe, expect, it } from "vitest";

import { startCommand } from "./command";
import { exampleOf, fieldsOf, typeText } from "./schema";
import { read, readLabels, typedDefaults } from "./values";

/** As the API tells it for `def import_day(day: str, options: Options, mode: Literal["full", "delta"] = "delta", …)`. */
const ROOT = {
  type: "object",
  properties: {
    mode: { enum: ["delta", "full"], default: "delta" },
    day: { type: "string", description: "Of the archive." },
    options: { $ref: "#/$defs/Options" },
    ratio: { type: "number", default: 0.5, maximum: 1 },
    tags: { type: "array", items: { type: "string" }, default: [] },
    limit: { anyOf: [{ type: "integer" }, { type: "null" }], default: null },
    loud: { type: "boolean", default: true },
  },
  required: ["day", "options"],
  additionalProperties: false,
  $defs: { Options: { title: "Options", type: "object", properties: { region: { type: "string" }, dry: { type: "boolean", default: false } }, required: ["region"] } },
};
const fields = fieldsOf(ROOT);
const filled = (typed: Record<string, string>) => read(fields, { ...typedDefaults(fields), ...typed }, ROOT);
const GOOD = { day: "2026-11-25", options: '{"region": "eu"}' };

describe("a schema becomes fields", () => {
  it("required ones first, each of its kind", () => {
    expect(fields.map((one) => [one.name, one.kind, one.required, one.type])).toEqual([
      ["day", "text", true, "text"],
      ["options", "json", true, "Options"],
      ["mode", "choice", false, '"delta" | "full"'],
      ["ratio", "number", false, "number"],
      ["tags", "json", false, "list of text"],
      ["limit", "integer", false, "integer | null"],
      ["loud", "boolean", false, "boolean"],
    ]);
    expect(fields[0]?.about).toBe("Of the archive.");
  });

  it("defaults are filled in", () => {
    expect(typedDefaults(fields)).toEqual({ day: "", options: "", mode: '"delta"', ratio: "0.5", tags: "[]", limit: "", loud: "true" });
  });

  it("what the schema leaves open is JSON", () => {
    expect(fieldsOf({ properties: { x: {}, y: { anyOf: [{ type: "integer" }, { type: "string" }] } } }).map((one) => one.kind)).toEqual(["json", "json"]);
  });

  it("yes, no or neither is a choice", () => {
    const [field] = fieldsOf({ properties: { sure: { anyOf: [{ type: "boolean" }, { type: "null" }] } }, required: ["sure"] });
    expect(field).toMatchObject({ kind: "choice", options: [true, false], nullable: true });
  });

  it("references to references, and to nothing, end", () => {
    expect(fieldsOf({ properties: { a: { $ref: "#/$defs/A" }, b: { $ref: "#/$defs/none" }, c: { $ref: "#/properties/c" } }, $defs: { A: { $ref: "#/$defs/B" }, B: { type: "integer" } } }).map((one) => one.kind)).toEqual(["integer", "json", "json"]);
  });

  it("an example fits its own schema", () => {
    expect(exampleOf(ROOT, ROOT)).toEqual({ mode: "delta", day: "text", options: { region: "text", dry: false }, ratio: 0.5, tags: [], limit: null, loud: true });
    expect(exampleOf({ $ref: "#/$defs/Tree" }, { $defs: { Tree: { type: "object", properties: { next: { $ref: "#/$defs/Tree" } } } } })).toBeTruthy();
  });

  it("types are written as one says them", () => {
    expect(typeText({ type: "object", additionalProperties: { type: "array", items: { type: ["integer", "null"] } } })).toBe("object of list of integer | null");
    expect(typeText({ type: "string", format: "date-time" })).toBe("date-time");
    expect(typeText({})).toBe("any");
  });
});

describe("fields become params", () => {
  it("what still has its default is left to the version", () => {
    expect(filled(GOOD)).toEqual({ params: { day: "2026-11-25", options: { region: "eu" } }, errors: {} });
  });

  it("each kind is read as it is", () => {
    expect(filled({ ...GOOD, mode: '"full"', ratio: "1e-1", tags: '["a"]', limit: "12", loud: "false" }).params).toMatchObject({ mode: "full", ratio: 0.1, tags: ["a"], limit: 12, loud: false });
  });

  it("a text stays a text, whatever it looks like", () => {
    expect(filled({ ...GOOD, day: " 3 " }).params["day"]).toBe(" 3 ");
  });

  it("says at the field what is wrong", () => {
    expect(filled({}).errors).toEqual({ day: "Is required.", options: "Is required." });
    expect(filled({ ...GOOD, ratio: "lots" }).errors).toEqual({ ratio: "Has to be a number." });
    expect(filled({ ...GOOD, ratio: "2" }).errors).toEqual({ ratio: "Has to be at most 1." });
    expect(filled({ ...GOOD, limit: "1.5" }).errors).toEqual({ limit: "Has to be a whole number." });
    expect(filled({ ...GOOD, limit: "9007199254740993e2" }).errors["limit"]).toContain("all its digits");
    expect(filled({ ...GOOD, options: "{}" }).errors).toEqual({ options: '"region" is missing.' });
    expect(filled({ ...GOOD, options: '{"region": 1}' }).errors).toEqual({ options: "region: has to be text." });
    expect(filled({ ...GOOD, tags: '["a", 2]' }).errors).toEqual({ tags: "[1]: has to be text." });
    expect(filled({ ...GOOD, options: "{" }).errors["options"]).toMatch(/^Is not JSON/);
  });

  it("looks into JSON, too", () => {
    const root = { properties: { x: { type: "array", items: { type: "integer" }, maxItems: 2 }, y: { type: "object", additionalProperties: { anyOf: [{ type: "number", exclusiveMinimum: 0 }, { type: "null" }] } } } };
    const json = (typed: Record<string, string>) => read(fieldsOf(root), typed, root).errors;
    expect(json({ x: "[1, 2]", y: '{"a": 0.5, "b": null}' })).toEqual({});
    expect(json({ x: "[1, 2.5]" })).toEqual({ x: "[1]: has to be integer." });
    expect(json({ x: "[1, 2, 3]" })).toEqual({ x: "Has to have at most 2 items." });
    expect(json({ y: '{"a": 0}' })).toEqual({ y: "a: has to be number | null." });
    expect(json({ y: "[]" })).toEqual({ y: "Has to be object of number | null." });
  });

  it("a default that was cleared is not taken for the default", () => {
    expect(filled({ ...GOOD, ratio: "" }).errors).toEqual({ ratio: "Is required." });
    const [name] = fieldsOf({ properties: { name: { type: "string", default: "you" } } });
    expect(name && read([name], { name: "" }, {}).params).toEqual({ name: "" });
  });
});

it("labels are pairs", () => {
  expect(readLabels(" team = ops, day=2026-11-25,, x=a=b ")).toEqual({ labels: { team: "ops", day: "2026-11-25", x: "a=b" }, error: null });
  expect(readLabels("")).toEqual({ labels: {}, error: null });
  expect(readLabels("a=1, =2").error).toBe('"=2" is not name=value.');
});

describe("the command line", () => {
  it("is one word for each value, in any shell", () => {
    expect(startCommand("orders", { n: 3, day: "2026-11-25" })).toBe("headrace run orders -p n=3 -p day=2026-11-25");
    expect(startCommand("orders", { tags: ["a b"], note: "it's $HOME `x` \"y\"\n!" })).toBe(`headrace run orders -p 'tags=["a b"]' -p 'note=it'\\''s $HOME \`x\` "y"\n!'`);
  });

  it("quotes a text that would be read as JSON", () => {
    expect(startCommand("w", { a: "3", b: "null", c: "text", d: null, e: "" })).toBe(`headrace run w -p 'a="3"' -p 'b="null"' -p c=text -p d=null -p e=`);
  });

  it("says labels and the idempotency key", () => {
    expect(startCommand("w", { n: 1 }, { labels: { team: "a b" } })).toBe("headrace run w -p n=1 -l 'team=a b'");
    expect(startCommand("w", {}, { key: "day 1" })).toBe("headrace run w --idempotency-key 'day 1'");
  });

  it("keeps every digit of a long integer", () => {
    const found = filled({ ...GOOD, limit: "9007199254740993" });
    expect(found.errors).toEqual({});
    expect(found.params["limit"]).toEqual({ $headrace: "int", value: "9007199254740993" });
    expect(startCommand("w", found.params)).toContain("limit=9007199254740993");
  });
});
