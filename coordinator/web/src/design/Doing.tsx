import { Countdown, Elapsed, Time } from "~/time/Time";

import type { Activity } from "./activity";

/** What a run or a node does at the moment, with its times. */
export function Doing({ activity }: { activity: Activity }) {
  const { kind, text, since_us, wake_at_us } = activity;
  return (
    <>
      {text}
      {kind === "running" && since_us != null && (
        <>
          , for <Elapsed fromUs={since_us} toUs={null} />
        </>
      )}
      {kind === "lost" && since_us != null && (
        <>
          , last heard of <Time us={since_us} as="relative" />
        </>
      )}
      {wake_at_us != null && (
        <>
          {" "}
          <Countdown us={wake_at_us} />
        </>
      )}
    </>
  );
}
