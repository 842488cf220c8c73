import { Tooltip } from "@mantine/core";

import type { Connection } from "~/live/frames";
import { retryLive, useConnection, useLive } from "~/live/live";
import { relative } from "~/time/format";
import { useNowUs } from "~/time/now";

import classes from "./ConnectionBadge.module.css";

const WORDS: Record<Connection, { label: string; hint: string }> = {
  connecting: { label: "Connecting", hint: "Connecting to the coordinator." },
  live: { label: "Live", hint: "Changes are shown as they happen." },
  polling: { label: "Polling", hint: "The live stream is held up on its way (a proxy that buffers?). Changes are asked for every 2 s." },
  stale: { label: "Stale", hint: "The coordinator does not answer. What is shown may be old. Click to try again." },
};

/** Whether what is on the screen is true now. */
export function ConnectionBadge() {
  // A page may want nothing; the badge has to know all the same, and this topic is the quietest.
  useLive("topics=dead_letters");
  const { connection, sinceUs } = useConnection();
  const { label, hint } = WORDS[connection];
  const now = useNowUs(connection === "stale");
  const age = connection === "stale" ? ` Since ${relative(sinceUs, now)}.` : "";
  return (
    <Tooltip label={hint + age} multiline w={240}>
      <button type="button" className={classes.badge} data-connection={connection} onClick={retryLive}>
        <span className={classes.mark} aria-hidden="true" />
        <span role="status">{label}</span>
      </button>
    </Tooltip>
  );
}
