import { expect, it } from "vitest";

import { type Shortcut, meaning, pressed } from "./keys";

const bind = (keys: string): Shortcut => ({ keys, label: keys, group: "", run: () => undefined });
const bound = [bind("g r"), bind("g w"), bind("r"), bind("?"), bind("mod+k")];

it("sequences wait for their second key", () => {
  expect(meaning(bound, "", "g")).toBe("pending");
  expect(meaning(bound, "g", "r")).toBe(bound[0]);
});

it("a sequence that leads nowhere is forgotten, and its last key counts by itself", () => {
  expect(meaning(bound, "g", "?")).toBe(bound[3]);
  expect(meaning(bound, "g", "z")).toBeUndefined();
});

it("the latest binding of a key wins", () => {
  const again = bind("r");
  expect(meaning([...bound, again], "", "r")).toBe(again);
});

it("shift is part of letters and named keys, not of signs", () => {
  const event = (key: string, held: Partial<KeyboardEvent> = {}) =>
    pressed({ key, metaKey: false, ctrlKey: false, altKey: false, shiftKey: false, ...held });
  expect(event("?", { shiftKey: true })).toBe("?");
  expect(event("J", { shiftKey: true })).toBe("shift+j");
  expect(event("k", { ctrlKey: true })).toBe("mod+k");
});
