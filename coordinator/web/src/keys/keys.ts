import { useEffect, useRef } from "react";
import { create } from "zustand";

/** A key, or a sequence such as `g r`. `mod` is ⌘ on a Mac and Ctrl elsewhere. */
export interface Shortcut {
  keys: string;
  label: string;
  group: string;
  run: () => void;
  /** Also while somebody types (for `mod+…` alone). */
  whileTyping?: boolean;
  /** Moves something in front of one's eyes: of no use as a command of the palette. */
  moves?: boolean;
}

interface Registry {
  shortcuts: readonly Shortcut[];
}

/** What is bound at the moment: the `?` help lists exactly this. */
export const useShortcutRegistry = create<Registry>(() => ({ shortcuts: [] }));

export const IS_MAC = /mac|iphone|ipad/i.test(globalThis.navigator?.platform ?? "");
const SEQUENCE_MS = 1200;
let typed = "";
let typedAt = 0;

/** Binds keys while the component is shown. Later bindings of the same key win. */
export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  const shape = shortcuts.map((one) => `${one.keys}|${one.label}`).join("\n");
  useEffect(() => {
    const bound = latest.current.map((one, index) => ({ ...one, run: () => latest.current[index]?.run() }));
    useShortcutRegistry.setState((old) => ({ shortcuts: [...old.shortcuts, ...bound] }));
    return () => useShortcutRegistry.setState((old) => ({ shortcuts: old.shortcuts.filter((one) => !bound.includes(one)) }));
  }, [shape]);
}

export function pressed(event: Pick<KeyboardEvent, "key" | "metaKey" | "ctrlKey" | "altKey" | "shiftKey">): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const mod = (IS_MAC ? event.metaKey : event.ctrlKey) ? "mod+" : "";
  const shift = event.shiftKey && (event.key.length > 1 || mod || /[a-z]/i.test(event.key)) ? "shift+" : "";
  return `${mod}${event.altKey ? "alt+" : ""}${shift}${key}`;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** A control in focus keeps the keys that work it. */
function isWorked(target: EventTarget | null, key: string): boolean {
  return (key === "Enter" || key === " ") && target instanceof Element && target.closest("a, button, summary, [role=button], [role=menuitem], [role=option]") !== null;
}

/** What a key means now; `pending` when it may become a sequence. */
export function meaning(shortcuts: readonly Shortcut[], before: string, key: string): Shortcut | "pending" | undefined {
  const whole = before ? `${before} ${key}` : key;
  const exact = shortcuts.findLast((one) => one.keys === whole);
  if (exact) return exact;
  if (shortcuts.some((one) => one.keys.startsWith(`${whole} `))) return "pending";
  return before ? meaning(shortcuts, "", key) : undefined;
}

/** Starts listening; returns what stops it. */
export function listenToKeys(): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || ["Shift", "Control", "Meta", "Alt"].includes(event.key)) return;
    const before = event.timeStamp - typedAt < SEQUENCE_MS ? typed : "";
    const key = pressed(event);
    const found = meaning(useShortcutRegistry.getState().shortcuts, before, key);
    typed = "";
    if (found === undefined || isWorked(event.target, key)) return;
    const blocked = isTyping(event.target) || document.querySelector("[role=dialog]") !== null;
    if (found === "pending") {
      if (blocked) return;
      typed = before ? `${before} ${key}` : key;
      typedAt = event.timeStamp;
      return;
    }
    if (blocked && !found.whileTyping) return;
    event.preventDefault();
    found.run();
  };
  window.addEventListener("keydown", onKey);
  return () => window.removeEventListener("keydown", onKey);
}
