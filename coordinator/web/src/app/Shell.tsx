import { ActionIcon } from "@mantine/core";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { Icon } from "~/design/icons";
import { type Shortcut, listenToKeys, useShortcuts } from "~/keys/keys";
import { useSettings } from "~/settings/settings";
import { StartHost } from "~/ui/StartForm/StartHost";

import { Header } from "./Header";
import { Help } from "./Help";
import { LoadFailures } from "./LoadFailures";
import { Palette } from "./Palette";
import classes from "./Shell.module.css";
import { DESTINATIONS } from "./navigation";

/** What surrounds every page. */
export function Shell() {
  const [opened, setOpened] = useState<"palette" | "help" | "navigation" | null>(null);
  const folded = useSettings((settings) => settings.navigationFolded);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useEffect(listenToKeys, []);
  useEffect(() => setOpened(null), [path]);
  useGlobalShortcuts(setOpened);
  return (
    <div className={classes.shell} data-folded={folded || undefined} data-navigation={opened === "navigation" || undefined}>
      <a href="#main" className={classes.skip}>
        Skip to content
      </a>
      <Navigation />
      {opened === "navigation" && <button type="button" className={classes.veil} aria-label="Close navigation" onClick={() => setOpened(null)} />}
      <div className={classes.column}>
        <Header onMenu={() => setOpened("navigation")} onPalette={() => setOpened("palette")} onHelp={() => setOpened("help")} />
        <LoadFailures />
        <main id="main" className={classes.main} tabIndex={-1}>
          <Outlet />
        </main>
      </div>
      {opened === "palette" && <Palette onClose={() => setOpened(null)} />}
      <StartHost />
      {opened === "help" && <Help onClose={() => setOpened(null)} />}
    </div>
  );
}

function Navigation() {
  const { navigationFolded, set } = useSettings();
  return (
    <nav className={classes.navigation} aria-label="Main">
      <Link to="/" className={classes.brand} aria-label="Headrace">
        <Icon name="logo" size={20} />
        <span>Headrace</span>
      </Link>
      <ul className={classes.links}>
        {DESTINATIONS.map((one) => (
          <li key={one.to}>
            <Link to={one.to} className={classes.link} activeOptions={{ exact: one.to === "/" }} activeProps={{ "aria-current": "page" }} title={one.label}>
              <Icon name={one.icon} />
              <span>{one.label}</span>
            </Link>
          </li>
        ))}
      </ul>
      <ActionIcon className={classes.fold ?? ""} onClick={() => set({ navigationFolded: !navigationFolded })} aria-label={navigationFolded ? "Widen navigation" : "Fold navigation"}>
        <Icon name="chevronRight" size={14} style={{ transform: navigationFolded ? "none" : "rotate(180deg)" }} />
      </ActionIcon>
    </nav>
  );
}

function useGlobalShortcuts(open: (what: "palette" | "help") => void): void {
  const navigate = useNavigate();
  const settings = useSettings();
  const go = DESTINATIONS.map((one): Shortcut => ({ keys: `g ${one.key}`, label: one.label, group: "Go to", run: () => void navigate({ to: one.to }) }));
  useShortcuts([
    { keys: "mod+k", label: "Command palette", group: "Everywhere", run: () => open("palette"), whileTyping: true },
    { keys: "?", label: "Keyboard help", group: "Everywhere", run: () => open("help") },
    {
      keys: "t",
      label: "Relative or absolute times",
      group: "Everywhere",
      run: () => settings.set({ times: settings.times === "relative" ? "absolute" : "relative" }),
    },
    {
      keys: "d",
      label: "Normal or compact rows",
      group: "Everywhere",
      run: () => settings.set({ density: settings.density === "normal" ? "compact" : "normal" }),
    },
    ...go,
  ]);
}
