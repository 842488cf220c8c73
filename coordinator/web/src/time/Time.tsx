import { useSettings, useZone } from "~/settings/settings";

import { absolute, duration, exact, relative } from "./format";
import { useNowUs } from "./now";

/** A point in time. Every page uses this one: it knows the zone, and what the person wants to read. */
export function Time({ us, as }: { us: number; as?: "relative" | "absolute" }) {
  const preferred = useSettings((settings) => settings.times);
  const zone = useZone();
  const now = useNowUs();
  const shown = as ?? preferred;
  const iso = new Date(us / 1000).toISOString();
  const other = shown === "relative" ? exact(us, zone) : `${exact(us, zone)} (${relative(us, now)})`;
  return (
    <time dateTime={iso} title={other}>
      {shown === "relative" ? relative(us, now) : absolute(us, now, zone)}
    </time>
  );
}

/** From a start to an end; without an end it runs. */
export function Elapsed({ fromUs, toUs }: { fromUs: number; toUs: number | null }) {
  const now = useNowUs(toUs === null);
  return <span>{duration((toUs ?? Math.max(now, fromUs)) - fromUs)}</span>;
}

/** How long until then, to the second; "now" when it is due. */
export function Countdown({ us }: { us: number }) {
  const now = useNowUs();
  const zone = useZone();
  const left = us - now;
  return (
    <time dateTime={new Date(us / 1000).toISOString()} title={exact(us, zone)}>
      {left <= 0 ? "now" : `in ${left < 60e6 ? `${Math.ceil(left / 1e6)} s` : duration(left)}`}
    </time>
  );
}
