import { Link } from "@tanstack/react-router";
import { Fragment, useId } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { Elapsed, Time } from "~/time/Time";
import { Meter } from "~/ui/Meter";
import table from "~/ui/DataTable.module.css";

import { WorkerState } from "./WorkerState";
import classes from "./Workers.module.css";

type Worker = Schemas["WorkerView"];

interface Props {
  workers: readonly Worker[];
  at?: string | undefined;
  unfold?: (worker: string | undefined) => void;
}

/** Workers, one a row; `unfold` makes rows open to what each holds and knows. */
export function WorkerTable({ workers, at, unfold }: Props) {
  return (
    <div className={table.wrap}>
      <table className={`${table.table} ${table.hovers} ${classes.table}`}>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">Last heard</th>
            <th scope="col">Slots</th>
            <th scope="col">Queues</th>
            <th scope="col">Host</th>
            <th scope="col" data-number>
              Started
            </th>
          </tr>
        </thead>
        <tbody>
          {workers.map((one) => (
            <Row key={one.worker} worker={one} open={at === one.worker} unfold={unfold} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ worker, open, unfold }: { worker: Worker; open: boolean; unfold: Props["unfold"] }) {
  const id = useId();
  return (
    <Fragment>
      <tr data-open={open || undefined}>
        <th scope="row">
          {unfold ? (
            <button type="button" className={classes.unfold} aria-expanded={open} aria-controls={id} onClick={() => unfold(open ? undefined : worker.worker)}>
              <Icon name={open ? "chevronDown" : "chevronRight"} size={12} />
              {worker.worker}
            </button>
          ) : (
            <Link to="/workers" search={{ at: worker.worker }}>
              {worker.worker}
            </Link>
          )}
        </th>
        <td>
          <WorkerState state={worker.state} />
        </td>
        <td>
          <Time us={worker.seen_at_us} />
        </td>
        <td>
          <Meter used={worker.held.length} total={worker.slots} label="slots in use" />
        </td>
        <td>
          <Queues names={worker.queues} />
        </td>
        <td className={classes.quiet}>
          {worker.host}:{worker.pid}
        </td>
        <td data-number className={classes.quiet}>
          <Time us={worker.started_at_us} />
        </td>
      </tr>
      {open && (
        <tr className={classes.inside} id={id}>
          <td colSpan={7}>
            <Inside worker={worker} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Queues({ names }: { names: readonly string[] }) {
  return (
    <span className={classes.names}>
      {names.map((name) => (
        <Link key={name} to="/queues/$name" params={{ name }}>
          {name}
        </Link>
      ))}
    </span>
  );
}

function Inside({ worker }: { worker: Worker }) {
  return (
    <div className={classes.split}>
      <section aria-label="Held attempts">
        <h2>Works on</h2>
        {worker.held.length === 0 && <p className={classes.quiet}>Nothing at the moment.</p>}
        <ul className={classes.held}>
          {worker.held.map((one) => (
            <li key={`${one.run_id} ${one.node} ${one.item} ${one.attempt}`}>
              <Link to="/runs/$runId" params={{ runId: one.run_id }} search={{ task: one.node }}>
                {one.node}
                {one.item != null && `[${one.item}]`}
              </Link>
              <code>{one.run_id}</code>
              <span>attempt {one.attempt}</span>
              <span>
                for <Elapsed fromUs={one.started_at_us} toUs={null} />
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section aria-label="Tasks">
        <h2>Knows {worker.tasks.length === 1 ? "1 task" : `${worker.tasks.length} tasks`}</h2>
        <p className={classes.tasks}>
          {worker.tasks.map((name) => (
            <code key={name}>{name}</code>
          ))}
        </p>
      </section>
    </div>
  );
}
