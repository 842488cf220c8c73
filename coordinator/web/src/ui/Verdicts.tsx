import { Link } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import type { Hue } from "~/design/states";

import { Mark } from "./Mark";
import classes from "./Verdicts.module.css";

type Verdict = Schemas["Verdict"];

const LOOKS: Record<Verdict["kind"], { label: string; hue: Hue; shape: React.ReactNode; means: string }> = {
  fired: { label: "Fired", hue: "succeeded", shape: <path d="m3 7.500 2.800 2.800L11 4" />, means: "It started a run" },
  duplicate: { label: "Duplicate", hue: "waiting", shape: <path d="M2.500 4.500h6v6h-6zM5.500 4.500v-3h6v6h-3" />, means: "The event had started the run before" },
  filtered: { label: "Filtered", hue: "cancelled", shape: <path d="M2 3h10L8.500 7.500V12l-3-1.500v-3z" />, means: "Its condition was false" },
  broken: { label: "Broken", hue: "failed", shape: <path d="m3.500 3.500 7 7M10.500 3.500l-7 7" />, means: "It failed on the event, which is kept as a dead letter" },
};

/** What each trigger made of an event. */
export function Verdicts({ verdicts }: { verdicts: readonly Verdict[] }) {
  return (
    <ul className={classes.verdicts} aria-label="Verdicts">
      {verdicts.map((verdict) => (
        <li key={`${verdict.workflow} ${verdict.trigger}`} className={classes.verdict}>
          <Mark {...LOOKS[verdict.kind]} />
          <span>
            <Link to="/workflows/$name/triggers" params={{ name: verdict.workflow }}>
              {verdict.workflow}
            </Link>
            , trigger {verdict.trigger}
          </span>
          <More verdict={verdict} />
        </li>
      ))}
    </ul>
  );
}

function More({ verdict }: { verdict: Verdict }) {
  if (verdict.run_id) {
    return (
      <p className={classes.more}>
        run{" "}
        <Link to="/runs/$runId" params={{ runId: verdict.run_id }}>
          <code>{verdict.run_id}</code>
        </Link>
      </p>
    );
  }
  if (verdict.error) {
    return (
      <p className={classes.more}>
        {verdict.error.message}
        {verdict.error.found && ` (${verdict.error.found})`}
        {verdict.letter_id && (
          <>
            {" "}
            <Link to="/dead-letters" search={{ at: verdict.letter_id }}>
              Dead letter
            </Link>
          </>
        )}
      </p>
    );
  }
  return verdict.reason ? <p className={classes.more}>{verdict.reason}</p> : null;
}

/** How many of the verdicts say that a trigger is broken. */
export function brokenIn(verdicts: readonly Verdict[]): number {
  return verdicts.filter((verdict) => verdict.kind === "broken").length;
}
