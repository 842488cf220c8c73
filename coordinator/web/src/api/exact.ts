/**
 * Values as the API writes them, without a digit lost.
 *
 * JavaScript rounds integers beyond 2^53 when it reads JSON, so those literals are turned into the protocol's tagged
 * form before they are parsed: `{"$headrace": "int", "value": "9007199254740993"}`. It is what the API itself writes for
 * integers beyond 64 bits, and takes for any.
 */

export const TAG = "$headrace";

export interface Tagged {
  kind: string;
  value: unknown;
}

// Strings, so that digits in them are left alone, and numbers.
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONG = /\d{16}/;

/** JSON text whose integers all survive `JSON.parse`. */
export function exactText(text: string): string {
  if (!LONG.test(text)) return text;
  return text.replace(TOKENS, (token) => (/^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token)) ? `{"${TAG}":"int","value":"${token}"}` : token));
}

export function parseExact(text: string): unknown {
  return JSON.parse(exactText(text)) as unknown;
}

/** The tagged form that a value is; undefined for any other value. */
export function taggedOf(value: unknown): Tagged | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const found = value as Record<string, unknown>;
  return typeof found[TAG] === "string" && "value" in found && Object.keys(found).length === 2 ? { kind: found[TAG], value: found["value"] } : undefined;
}

export function taggedInteger(digits: string): Record<string, string> {
  return { [TAG]: "int", value: digits };
}

/** The digits of an integer that JavaScript cannot hold; undefined for any other value. */
export function longInteger(value: unknown): string | undefined {
  const tagged = taggedOf(value);
  return tagged?.kind === "int" && typeof tagged.value === "string" ? tagged.value : undefined;
}

const LITERAL = /"\\u0000(-?\d+)"/g;

/** JSON with integers of up to 64 bits as literals again. */
export function stringifyExact(value: unknown, indent?: number): string {
  const marked = (_: string, one: unknown) => {
    const digits = longInteger(one);
    return digits !== undefined && digits.length <= 20 ? `\u0000${digits}` : one;
  };
  return (JSON.stringify(value, marked, indent) ?? "").replace(LITERAL, "$1");
}
