import { SegmentedControl, Select } from "@mantine/core";
import { type ReactNode, useId, useMemo } from "react";

import { useInfo } from "~/app/Header";
import { BROWSER_ZONE, type Density, type Theme, type Times, useSettings, useZone } from "~/settings/settings";
import { exact } from "~/time/format";
import { useNowUs } from "~/time/now";
import { Body, Page } from "~/ui/Page";

import classes from "./SettingsPage.module.css";

/** What this browser remembers about how to show things, and what answers here. */
export function SettingsPage() {
  const settings = useSettings();
  const zone = useZone();
  const now = useNowUs();
  const zones = useMemo(() => ["UTC", ...Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC")], []);
  return (
    <Page title="Settings">
      <Body>
        <div className={classes.settings}>
          <Row label="Theme" hint="As the system follows the setting of your computer.">
            {(id) => (
              <SegmentedControl<Theme>
                aria-labelledby={id}
                value={settings.theme}
                onChange={(theme) => settings.set({ theme })}
                data={[
                  { value: "auto", label: "As the system" },
                  { value: "light", label: "Light" },
                  { value: "dark", label: "Dark" },
                ]}
              />
            )}
          </Row>
          <Row label="Density" hint="How much room a row takes.">
            {(id) => (
              <SegmentedControl<Density>
                aria-labelledby={id}
                value={settings.density}
                onChange={(density) => settings.set({ density })}
                data={[
                  { value: "normal", label: "Normal" },
                  { value: "compact", label: "Compact" },
                ]}
              />
            )}
          </Row>
          <Row label="Times" hint="The other form is in the tooltip of each time.">
            {(id) => (
              <SegmentedControl<Times>
                aria-labelledby={id}
                value={settings.times}
                onChange={(times) => settings.set({ times })}
                data={[
                  { value: "relative", label: "3 min ago" },
                  { value: "absolute", label: "14:07:31" },
                ]}
              />
            )}
          </Row>
          <Row label="Time zone" hint={`Now it is ${exact(now, zone).replace(/\.\d+/, "")}.`}>
            {(id) => (
              <Select
                aria-labelledby={id}
                searchable
                clearable
                w={260}
                placeholder={`Of this browser (${BROWSER_ZONE})`}
                value={settings.zone || null}
                onChange={(chosen) => settings.set({ zone: chosen ?? "" })}
                data={zones}
                limit={60}
              />
            )}
          </Row>
          <About />
        </div>
      </Body>
    </Page>
  );
}

function Row({ label, hint, children }: { label: string; hint: string; children: (labelId: string) => ReactNode }) {
  const id = useId();
  return (
    <div className={classes.row}>
      <div>
        <div id={id} className={classes.label}>
          {label}
        </div>
        <div className={classes.hint}>{hint}</div>
      </div>
      <div>{children(id)}</div>
    </div>
  );
}

function About() {
  const info = useInfo();
  if (!info.data) return null;
  const { version, namespace, store, protocol_version: protocol, shards } = info.data;
  const rows = { Version: version, Namespace: namespace, Store: store, Protocol: protocol, Shards: shards.join(", ") || "none" };
  return (
    <dl className={classes.about}>
      {Object.entries(rows).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
