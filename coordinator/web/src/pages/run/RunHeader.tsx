import { Button } from "@mantine/core";
import { keepPreviousData, useMutation, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { api, data } from "~/api/client";
import { useInfo } from "~/app/Header";
import { StateBadge, StateIcon, hueOf } from "~/design/State";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import type { RunSummary } from "~/live/frames";
import { CancelDialog } from "~/pages/runs/CancelDialog";
import { Countdown, Elapsed, Time } from "~/time/Time";
import { CopyButton } from "~/ui/Command";
import { CommandDialog } from "~/ui/CommandDialog";
import { Prose } from "~/ui/Feedback";
import { openStart } from "~/ui/StartForm/start";

import classes from "./RunPage.module.css";

export function RunHeading({ run }: { run: RunSummary }) {
  return (
    <>
      <StateBadge state={run.state} />
      <span className={classes.crumb} aria-hidden="true">
        ·
      </span>
      <Link className={classes.name} to="/workflows/$name" params={{ name: run.workflow }}>
        {run.workflow}
      </Link>
      <code className={classes.id}>{run.run_id}</code>
      <CopyButton text={run.run_id} label="Copy run id" />
    </>
  );
}

export function RunActions({ run, params }: { run: RunSummary; params: unknown }) {
  const [asking, setAsking] = useState(false);
  const running = run.state === "running";
  const again = () => openStart(run.workflow, typeof params === "object" && params !== null ? { ...params } : {});
  useShortcuts([{ keys: "s", label: "Start again…", group: "Run", run: again }, ...(running ? [{ keys: "c", label: "Cancel this run…", group: "Run", run: () => setAsking(true) }] : [])]);
  return (
    <>
      <Button onClick={again} leftSection={<Icon name="play" size={13} />}>
        Start again…
      </Button>
      {running && (
        <Button onClick={() => setAsking(true)} leftSection={<Icon name="stop" size={14} />}>
          Cancel…
        </Button>
      )}
      {(run.state === "failed" || run.state === "cancelled") && <Retry run={run} />}
      {asking && <CancelDialog picked={[run.run_id]} filter={{}} onClose={() => setAsking(false)} onDone={() => undefined} />}
    </>
  );
}

function Retry({ run }: { run: RunSummary }) {
  const [asking, setAsking] = useState(false);
  const retry = useMutation({
    mutationFn: () => data(api.POST("/api/v1/runs/{run_id}/retry", { params: { path: { run_id: run.run_id } }, body: { by: "web" } })),
    onSuccess: () => setAsking(false),
  });
  const ask = () => {
    retry.reset();
    setAsking(true);
  };
  useShortcuts([{ keys: "r", label: "Retry this run…", group: "Run", run: ask }]);
  return (
    <>
      <Button onClick={ask} leftSection={<StateIcon state="retrying" />}>
        Retry…
      </Button>
      {asking && (
        <CommandDialog title="Retry the run" action="Retry" command={`headrace runs retry ${run.run_id}`} busy={retry.isPending} error={retry.error} onConfirm={() => retry.mutate()} onClose={() => setAsking(false)}>
          <p>
            What has succeeded is kept. Nodes that failed, were cancelled or never ran begin again, and the run goes on with the version
            and params it started with.
          </p>
        </CommandDialog>
      )}
    </>
  );
}

const WAITS = { worker: "Waits for a worker", worker_with_task: "Waits for a worker that has the task of", line: "Waits in its queue's line", timer: "Waits until a retry of", collect: "Collects the results of" } as const;

/** What there is to know of a run at one glance. */
export function RunFacts({ run }: { run: RunSummary }) {
  return (
    <dl className={classes.facts}>
      <Fact name={run.finished_at_us === null ? "Running for" : "Took"}>
        <Elapsed fromUs={run.created_at_us} toUs={run.finished_at_us} />
      </Fact>
      <Fact name="Created">
        <Time us={run.created_at_us} />
      </Fact>
      {run.wait && <Fact name={WAITS[run.wait.kind]}>{run.wait.on}</Fact>}
      {run.wait?.wake_at_us != null && (
        <Fact name="Next wake">
          <Countdown us={run.wait.wake_at_us} />
        </Fact>
      )}
      {run.deadline_us !== null && run.finished_at_us === null && (
        <Fact name="Deadline">
          <Countdown us={run.deadline_us} />
        </Fact>
      )}
      <Fact name="Nodes">
        {run.nodes_done} of {run.nodes_total}
      </Fact>
      {run.retries > 0 && <Fact name="Retried">{run.retries === 1 ? "once" : `${run.retries} times`}</Fact>}
      <Fact name="Started by">
        <Link to="/runs" search={{ trigger: run.trigger }}>
          {run.trigger}
        </Link>
      </Fact>
      {run.event_id && (
        <Fact name="Event">
          <Link to="/runs/$runId/history" params={{ runId: run.run_id }} title={`${run.event_source} ${run.event_id}`}>
            {run.event_id}
          </Link>
        </Fact>
      )}
      <Fact name="Version">
        <Link to="/workflows/$name/graph" params={{ name: run.workflow }} search={{ version: run.version }} title={run.version}>
          <code>{run.version.slice(0, 8)}</code>
        </Link>
      </Fact>
      {run.trace_id && <TraceFact traceId={run.trace_id} />}
      {Object.entries(run.labels).map(([key, value]) => (
        <Fact key={key} name={key}>
          <Link to="/runs" search={{ label: `${key}=${value}` }}>
            {value}
          </Link>
        </Fact>
      ))}
    </dl>
  );
}

function TraceFact({ traceId }: { traceId: string }) {
  const info = useInfo();
  const template = info.data?.jaeger_url_template;
  return (
    <Fact name="Trace">
      {template ? (
        <a href={template.replace("{trace_id}", traceId)} target="_blank" rel="noreferrer">
          {traceId.slice(0, 8)} <Icon name="external" size={11} />
        </a>
      ) : (
        <code title={traceId}>{traceId.slice(0, 8)}</code>
      )}
    </Fact>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Why a run is not finished, or why it failed, and what to do; nothing for one that succeeded. */
export function Why({ run }: { run: RunSummary }) {
  const needed = run.state !== "succeeded";
  const explanation = useQuery({
    queryKey: ["run", run.run_id, "explain", run.state, run.nodes_done, run.wait?.on, run.wait?.wake_at_us],
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/{run_id}/explain", { params: { path: { run_id: run.run_id } }, signal })),
    enabled: needed,
    placeholderData: keepPreviousData,
  });
  if (!needed || !explanation.data) return null;
  const { summary, reasons, advice } = explanation.data;
  return (
    <section className={classes.why} style={hueOf(run.state)} aria-label="Why">
      <p>
        <Prose text={summary} />
      </p>
      {advice.map((line) => (
        <p key={line} className={classes.advice}>
          → <Prose text={line} />
        </p>
      ))}
      {reasons.length > 0 && (
        <details className={classes.reasons}>
          <summary>
            {reasons.length} {reasons.length === 1 ? "reason" : "reasons"}
          </summary>
          <ul>
            {reasons.map((reason) => (
              <li key={reason.text}>{reason.text}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
