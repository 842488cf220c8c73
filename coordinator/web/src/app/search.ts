/** Filters, selection and tabs live in the address, as plain as a person would write it: `?state=failed&state=running`. */

export type RawSearch = Record<string, string | string[]>;

export function parseSearch(address: string): RawSearch {
  const found: RawSearch = {};
  for (const [name, value] of new URLSearchParams(address)) {
    const before = found[name];
    found[name] = before === undefined ? value : [...[before].flat(), value];
  }
  return found;
}

export function stringifySearch(search: Record<string, unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") query.append(name, String(one));
    }
  }
  const written = query.toString();
  return written && `?${written}`;
}

/* What a route's `validateSearch` is made of: whatever is typed into the address, the page gets what it can use. */

export function text(value: unknown): string | undefined {
  const one = Array.isArray(value) ? value.at(-1) : value;
  return typeof one === "string" && one !== "" ? one : undefined;
}

export function list(value: unknown): string[] | undefined {
  const all = [value].flat().filter((one): one is string => typeof one === "string" && one !== "");
  return all.length > 0 ? [...new Set(all)] : undefined;
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T | undefined {
  const one = text(value);
  return allowed.find((candidate) => candidate === one);
}

export function someOf<T extends string>(value: unknown, allowed: readonly T[]): T[] | undefined {
  const some = allowed.filter((candidate) => list(value)?.includes(candidate));
  return some.length > 0 ? some : undefined;
}

export function whole(value: unknown): number | undefined {
  const one = typeof value === "number" ? String(value) : text(value);
  return one !== undefined && /^\d{1,15}$/.test(one) ? Number(one) : undefined;
}
