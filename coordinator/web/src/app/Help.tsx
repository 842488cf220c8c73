import { Modal } from "@mantine/core";

import { IS_MAC, type Shortcut, useShortcutRegistry } from "~/keys/keys";

import classes from "./Help.module.css";

const NAMES: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc", " ": "Space", shift: "⇧", alt: "Alt" };

/** What the keys do on this page, from what is bound at the moment. */
export function Help({ onClose }: { onClose: () => void }) {
  return (
    <Modal opened onClose={onClose} title="Keyboard" size={680} closeButtonProps={{ "aria-label": "Close" }}>
      <Shortcuts />
    </Modal>
  );
}

export function Shortcuts() {
  const shortcuts = useShortcutRegistry((registry) => registry.shortcuts);
  const latest = new Map(shortcuts.map((one) => [one.keys, one]));
  const groups = Map.groupBy(latest.values(), (one) => one.group);
  const byLabel = (members: Shortcut[]) => [...Map.groupBy(members, (one) => one.label)];
  return (
    <div className={classes.groups}>
      {[...groups].map(([group, members]) => (
        <section key={group}>
          <h3 className={classes.group}>{group}</h3>
          <dl>
            {byLabel(members).map(([label, same]) => (
              <div key={label} className={classes.row}>
                <dt>{label}</dt>
                <dd>
                  {same.map((one, index) => (
                    <span key={one.keys}>
                      {index > 0 && <span className={classes.or}>or</span>}
                      <Keys shortcut={one} />
                    </span>
                  ))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}

export function Keys({ shortcut }: { shortcut: Pick<Shortcut, "keys"> }) {
  return (
    <span className={classes.keys}>
      {shortcut.keys.split(" ").map((key) => (
        <kbd key={key}>{spoken(key || " ")}</kbd>
      ))}
    </span>
  );
}

function spoken(key: string): string {
  const parts = key.split("+").map((part) => (part === "mod" ? (IS_MAC ? "⌘" : "Ctrl") : (NAMES[part] ?? part)));
  return parts.join(IS_MAC ? "" : " ");
}
