import { SegmentedControl, Select } from "@mantine/core";
import { type ReactNode, useId, useMemo } from "react";

import { useInfo } from "~/app/Header";
import { Keys, Shortcuts } from "~/app/Help";
import { BROWSER_ZONE, type Density, type Theme, type Times, useSettings, useZone } from "~/settings/settings";
import { Time } from "~/time/Time";
import { exact } from "~/time/format";
import { useNowUs } from "~/time/now";
import { Command } from "~/ui/Command";
import { Failure, Skeleton } from "~/ui/Feedback";
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
          <Jaeger />
          <section className={classes.section} aria-label="Keys">
            <h2>Keys</h2>
            <p className={classes.hint}>
              These work everywhere. Pages bind more: <Keys shortcut={{ keys: "?" }} /> lists them where you are.
            </p>
            <Shortcuts />
          </section>
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

const TEMPLATE = "headrace coordinator --jaeger-url-template 'http://localhost:16686/trace/{trace_id}'";

/** Where a trace leads to: the coordinator's setting, as it is. */
function Jaeger() {
  const info = useInfo();
  if (!info.data) return null;
  const template = info.data.jaeger_url_template;
  return (
    <section className={classes.section} aria-label="Jaeger">
      <h2>Jaeger</h2>
      {template ? (
        <p className={classes.hint}>
          Traces of runs link to <code>{template}</code>. It is a setting of the coordinator, the same for everybody.
        </p>
      ) : (
        <>
          <p className={classes.hint}>Traces of runs link to nowhere yet: the coordinator is told where Jaeger, or what else keeps them, shows one.</p>
          <Command text={TEMPLATE} />
        </>
      )}
    </section>
  );
}

function About() {
  const info = useInfo();
  if (info.isError) return <Failure error={info.error} retry={() => void info.refetch()} />;
  if (!info.data) return <Skeleton rows={4} />;
  const { version, namespace, store, protocol_version: protocol, shards, started_at_us: started } = info.data;
  const rows: Record<string, ReactNode> = {
    Version: version,
    Namespace: namespace,
    Store: store,
    Protocol: protocol,
    Shards: shards.join(", ") || "none",
    Started: <Time us={started} />,
  };
  return (
    <section className={classes.section} aria-label="Coordinator">
      <h2>Coordinator</h2>
      <dl className={classes.about}>
        {Object.entries(rows).map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
