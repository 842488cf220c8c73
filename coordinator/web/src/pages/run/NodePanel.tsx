import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";

import type { Schemas } from "~/api/client";
import { StateBadge } from "~/design/State";
import { Icon } from "~/design/icons";
import { isState } from "~/design/states";
import { duration } from "~/time/format";
import { Elapsed, Time } from "~/time/Time";
import { Command } from "~/ui/Command";

import classes from "./NodePanel.module.css";

interface Props {
  run: Schemas["RunDetail"];
  node: string;
  onClose: () => void;
}

/** One node: where it is, its attempts, its error. */
export function NodePanel({ run, node: name, onClose }: Props) {
  const node = run.nodes.find((one) => one.node === name);
  return (
    <aside className={classes.panel} aria-label={`Node ${name}`}>
      <header className={classes.head}>
        <h2 className={classes.name}>{name}</h2>
        <ActionIcon onClick={onClose} aria-label="Close">
          <Icon name="close" size={14} />
        </ActionIcon>
      </header>
      {node ? <Particulars run={run} node={node} /> : <p className={classes.none}>This run has no such node.</p>}
    </aside>
  );
}

function Particulars({ run, node }: { run: Schemas["RunDetail"]; node: Schemas["NodeView"] }) {
  return (
    <>
      <dl className={classes.facts}>
        <Fact name="State">
          <StateBadge state={node.state} />
        </Fact>
        {node.map && (
          <Fact name="Items">
            {node.map.done.toLocaleString("en")} of {node.map.total.toLocaleString("en")} done, {node.map.in_motion} in motion{node.map.retrying > 0 && `, ${node.map.retrying} retrying`}
          </Fact>
        )}
        <Fact name="Task">{node.task}</Fact>
        <Fact name="Queue">
          {node.queue}
          {node.priority !== "normal" && `, ${node.priority} priority`}
        </Fact>
        {node.ready_at_us !== null && (
          <Fact name="Ready">
            <Time us={node.ready_at_us} as="absolute" />, {node.finished_at_us === null ? "for " : "took "}
            <Elapsed fromUs={node.ready_at_us} toUs={node.finished_at_us} />
          </Fact>
        )}
        {node.retry_at_us !== null && (
          <Fact name="Next attempt">
            <Time us={node.retry_at_us} />
          </Fact>
        )}
        {node.upstream.length > 0 && <Fact name="After">{node.upstream.join(", ")}</Fact>}
      </dl>
      {node.error && <ErrorBlock error={node.error} />}
      {node.attempts.length > 0 && <Attempts attempts={node.attempts} />}
      <div className={classes.section}>
        <h3 className={classes.title}>Logs in a terminal</h3>
        <Command text={`headrace runs logs ${run.run_id} --node ${node.node}`} />
      </div>
    </>
  );
}

export function ErrorBlock({ error }: { error: Schemas["ErrorInfo"] }) {
  return (
    <div className={classes.section}>
      <h3 className={classes.title}>Error</h3>
      <p className={classes.message}>{error.message}</p>
      {error.fix && <p className={classes.fix}>{error.fix}</p>}
      {error.traceback && <pre className={classes.traceback}>{error.traceback}</pre>}
    </div>
  );
}

function Attempts({ attempts }: { attempts: readonly Schemas["AttemptView"][] }) {
  return (
    <div className={classes.section}>
      <h3 className={classes.title}>Attempts</h3>
      <ol className={classes.attempts}>
        {attempts.map((one) => (
          <li key={`${one.attempt} ${one.delivery} ${one.finished_at_us}`}>
            <span>#{one.attempt}</span>
            {isState(one.state) ? <StateBadge state={one.state} /> : <span>{one.state}</span>}
            <span title="Time in the queue, time at work">
              {duration(one.queue_wait_s * 1e6)} + {duration(one.duration_s * 1e6)}
            </span>
            <code title="Worker">{one.worker}</code>
          </li>
        ))}
      </ol>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
