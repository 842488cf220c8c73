import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { Schemas } from "~/api/client";
import { StateIcon } from "~/design/State";
import { lookOf, RUN_STATES } from "~/design/states";
import { useQueues, useWorkers } from "~/live/fleet";
import { serves } from "~/pages/workers/WorkerState";

import classes from "./Overview.module.css";
import type { WindowName } from "./search";

/** The figures that one looks at first; each leads to what it counts. */
export function Tiles({ found, window }: { found: Schemas["Overview"]; window: WindowName }) {
  const workers = useWorkers().data?.workers.filter((one) => serves(one.state));
  const queues = useQueues().data?.queues;
  const pending = queues?.reduce((sum, one) => sum + one.pending, 0);
  const slots = workers?.reduce((sum, one) => sum + one.slots, 0);
  const held = workers?.reduce((sum, one) => sum + one.held.length, 0);
  return (
    <div className={classes.tiles}>
      {RUN_STATES.map((state) => (
        <Link key={state} to="/runs" search={{ state: [state], range: state === "running" ? undefined : window }} className={classes.tile}>
          <Figure name={lookOf(state).label} icon={<StateIcon state={state} size={12} />} note={state === "running" ? "runs, now" : "runs"}>
            {state === "running" ? counted(found.running) : (found.runs[state] ?? 0).toLocaleString("en")}
          </Figure>
        </Link>
      ))}
      <Link to="/queues" className={classes.tile}>
        <Figure name="Backlog" note="tasks that wait">
          {pending?.toLocaleString("en") ?? "–"}
        </Figure>
      </Link>
      <Link to="/workers" className={classes.tile}>
        <Figure name="Workers" note={slots === undefined ? "" : `${held} of ${slots} slots in use`}>
          {workers?.length.toLocaleString("en") ?? "–"}
        </Figure>
      </Link>
      <Link to="/dead-letters" className={classes.tile}>
        <Figure name="Dead letters" note="open">
          {counted(found.dead_letters)}
        </Figure>
      </Link>
    </div>
  );
}

function Figure({ name, icon, note, children }: { name: string; icon?: ReactNode; note: string; children: ReactNode }) {
  return (
    <>
      <span className={classes.tileName}>
        {icon}
        {name}
      </span>
      <span className={classes.tileValue}>{children}</span>
      <span className={classes.tileNote}>{note}</span>
    </>
  );
}

function counted({ count, more }: Schemas["RunCount"]): string {
  return `${count.toLocaleString("en")}${more ? "+" : ""}`;
}
