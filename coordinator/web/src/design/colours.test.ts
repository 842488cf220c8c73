import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import { SIGHT, contrast, deltaE2000, linear, seenBy } from "./colour";

const css = readFileSync(new URL("tokens.css", import.meta.url), "utf8");
const dark = css.indexOf('[data-mantine-color-scheme="dark"]');
const compact = css.indexOf('[data-density="compact"]');
const THEMES = { light: tokens(css.slice(0, dark)), dark: tokens(css.slice(dark, compact)) };
const SURFACES = ["page", "panel", "sunk", "hover", "selected"];

function tokens(block: string): Map<string, string> {
  return new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((found) => [found[1] ?? "", found[2] ?? ""]));
}

function of(theme: Map<string, string>, name: string) {
  const hex = theme.get(name);
  if (hex === undefined) throw new Error(`tokens.css has no --${name}`);
  return linear(hex);
}

describe("the arithmetic", () => {
  it("agrees with published values", () => {
    expect(contrast(linear("#ffffff"), linear("#767676"))).toBeCloseTo(4.54, 2);
    expect(deltaE2000(linear("#ff0000"), linear("#00ff00"))).toBeCloseTo(86.6, 0);
    expect(deltaE2000(linear("#336699"), linear("#336699"))).toBe(0);
  });
});

describe.each(Object.entries(THEMES))("the %s theme", (_, theme) => {
  const hues = [...theme.keys()].filter((name) => name.startsWith("state-"));

  it("has at most six state hues", () => {
    expect(hues).toHaveLength(6);
  });

  it.each(Object.entries(SIGHT))("keeps any two states 10 apart in %s sight", (_name, sight) => {
    const near: string[] = [];
    for (const [index, one] of hues.entries()) {
      for (const other of hues.slice(index + 1)) {
        const apart = deltaE2000(seenBy(sight, of(theme, one)), seenBy(sight, of(theme, other)));
        if (apart < 10) near.push(`${one} ${other} ${apart.toFixed(1)}`);
      }
    }
    expect(near).toEqual([]);
  });

  it.each(SURFACES)("shows states, controls and focus at 3:1 on %s", (surface) => {
    const faint = [...hues, "control-line", "focus", "accent"].filter((name) => contrast(of(theme, name), of(theme, surface)) < 3);
    expect(faint).toEqual([]);
  });

  it.each(SURFACES)("shows text at 4.5:1 on %s", (surface) => {
    const faint = ["text", "muted", "link"].filter((name) => contrast(of(theme, name), of(theme, surface)) < 4.5);
    expect(faint).toEqual([]);
  });

  it("shows code at 4.5:1 where it stands", () => {
    const faint = ["code-string", "code-keyword", "state-running", "link", "muted"].filter((name) => contrast(of(theme, name), of(theme, "panel")) < 4.5);
    expect(faint).toEqual([]);
  });

  it("shows text on the accent at 4.5:1", () => {
    expect(contrast(of(theme, "on-accent"), of(theme, "accent"))).toBeGreaterThanOrEqual(4.5);
  });
});
