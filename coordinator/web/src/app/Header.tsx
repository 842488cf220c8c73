import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";

import { api, data } from "~/api/client";
import { Icon, type IconName } from "~/design/icons";
import { IS_MAC } from "~/keys/keys";
import { type Theme, useSettings, useZone } from "~/settings/settings";
import { zoneName } from "~/time/format";
import { nowUs } from "~/time/now";

import { ConnectionBadge } from "./ConnectionBadge";
import classes from "./Header.module.css";

const THEMES: Record<Theme, { label: string; icon: IconName }> = {
  auto: { label: "As the system", icon: "contrast" },
  light: { label: "Light", icon: "sun" },
  dark: { label: "Dark", icon: "moon" },
};

/** What `headrace dev` cannot load is not told by the stream. */
const REFRESH_MS = 10_000;

export function useInfo() {
  return useQuery({ queryKey: ["info"], queryFn: ({ signal }) => data(api.GET("/api/v1/info", { signal })), staleTime: Number.POSITIVE_INFINITY, refetchInterval: REFRESH_MS });
}

export function Header({ onMenu, onPalette, onHelp }: { onMenu: () => void; onPalette: () => void; onHelp: () => void }) {
  const info = useInfo();
  const zone = useZone();
  return (
    <header className={classes.header}>
      <ActionIcon className={classes.menu ?? ""} onClick={onMenu} aria-label="Open navigation">
        <Icon name="menu" />
      </ActionIcon>
      <span className={classes.namespace} title="Namespace">
        <span className="visually-hidden">Namespace </span>
        {info.data?.namespace ?? "…"}
      </span>
      <button type="button" className={classes.search} onClick={onPalette} aria-label="Search or jump to…">
        <Icon name="search" size={14} />
        <span>Search or jump to…</span>
        <kbd>{IS_MAC ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      <div className={classes.end}>
        <ConnectionBadge />
        <Tooltip label={`Times are in ${zone}`}>
          <Link to="/settings" className={classes.zone}>
            {zoneName(zone, nowUs())}
          </Link>
        </Tooltip>
        <ThemeMenu />
        <Tooltip label="Keyboard help">
          <ActionIcon onClick={onHelp} aria-label="Keyboard help" className={classes.help ?? ""}>
            <Icon name="keyboard" />
          </ActionIcon>
        </Tooltip>
      </div>
    </header>
  );
}

function ThemeMenu() {
  const { theme, set } = useSettings();
  return (
    <Menu>
      <Menu.Target>
        <ActionIcon aria-label="Theme">
          <Icon name={THEMES[theme].icon} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {(Object.keys(THEMES) as Theme[]).map((one) => (
          <Menu.Item
            key={one}
            onClick={() => set({ theme: one })}
            leftSection={<Icon name={THEMES[one].icon} size={14} />}
            rightSection={one === theme ? <Icon name="check" size={14} /> : null}
            aria-current={one === theme}
          >
            {THEMES[one].label}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
