import { Link } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import { Doing } from "~/design/Doing";
import { NodeBadge } from "~/design/NodeBadge";
import { StateBadge } from "~/design/State";
import { isState } from "~/design/states";
import { duration } from "~/time/format";
import { Elapsed, Time } from "~/time/Time";
import { Command } from "~/ui/Command";
import { TextBlock } from "~/ui/Json";
import { Fact, Facts, Nothing, Section, SidePanel } from "~/ui/Panel";
import { readable } from "~/ui/sgr";

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
    <SidePanel title={name} label={`Node ${name}`} onClose={onClose}>
      {node ? <Particulars run={run} node={node} /> : <Nothing>This run has no such node.</Nothing>}
    </SidePanel>
  );
}

function Particulars({ run, node }: { run: Schemas["RunDetail"]; node: Schemas["NodeView"] }) {
  return (
    <>
      <Facts>
        <Fact name="State">
          <NodeBadge node={node} />
        </Fact>
        {node.activity && (
          <Fact name="Now">
            <Doing activity={node.activity} />
          </Fact>
        )}
        {node.map && (
          <Fact name="Items">
            {node.map.done.toLocaleString("en")} of {node.map.total.toLocaleString("en")} done, {node.map.running} running, {node.map.in_motion - node.map.running} queued{node.map.retrying > 0 && `, ${node.map.retrying} retrying`}
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
      </Facts>
      {node.error && <ErrorBlock error={node.error} />}
      {node.attempts.length > 0 && <Attempts attempts={node.attempts} />}
      <Section title="More of it">
        <p className={classes.more}>
          <Link to="/runs/$runId/logs" params={{ runId: run.run_id }} search={{ task: node.node }}>
            Log
          </Link>
          <Link to="/runs/$runId/data" params={{ runId: run.run_id }} search={{ task: node.node }}>
            Result
          </Link>
          <Link to="/runs/$runId/attempts" params={{ runId: run.run_id }} search={{ task: node.node }}>
            Attempts
          </Link>
          <Link to="/runs/$runId/history" params={{ runId: run.run_id }} search={{ task: node.node }}>
            History
          </Link>
        </p>
      </Section>
      <Section title="Its log in a terminal">
        <Command text={`headrace runs logs ${run.run_id} --node ${node.node}`} />
      </Section>
    </>
  );
}

export function ErrorBlock({ error, level = 3 }: { error: Schemas["ErrorInfo"]; level?: 2 | 3 }) {
  return (
    <Section title="Error" level={level}>
      <p className={classes.message}>{readable(error.message)}</p>
      {error.fix && <p className={classes.fix}>{error.fix}</p>}
      {error.details && (
        <Facts>
          {Object.entries(error.details).map(([name, value]) => (
            <Fact key={name} name={name.replaceAll("_", " ")}>
              {readable(value)}
            </Fact>
          ))}
        </Facts>
      )}
      {error.traceback && <TextBlock text={readable(error.traceback)} label="Traceback" wrap={false} />}
    </Section>
  );
}

function Attempts({ attempts }: { attempts: readonly Schemas["AttemptView"][] }) {
  return (
    <Section title="Attempts">
      <ol className={classes.attempts}>
        {attempts.map((one) => (
          <li key={`${one.attempt} ${one.delivery} ${one.finished_at_us}`}>
            <span>#{one.attempt}</span>
            {isState(one.state) ? <StateBadge state={one.state} /> : <span>{one.state}</span>}
            <span title="Time in the queue, time at work">
              {one.started_at_us === 0 ? "start unknown" : `${duration(one.queue_wait_s * 1e6)} + ${duration(one.duration_s * 1e6)}`}
            </span>
            <code title="Worker">{one.worker}</code>
          </li>
        ))}
      </ol>
    </Section>
  );
}
