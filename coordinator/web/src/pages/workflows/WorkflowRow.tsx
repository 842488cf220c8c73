import { ActionIcon, Tooltip } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { memo } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { Time } from "~/time/Time";
import { openStart } from "~/ui/StartForm/start";

import { LastRuns } from "./LastRuns";
import classes from "./Workflows.module.css";
import { nextFire, percent, successRate, triggerWords } from "./words";

interface Props {
  workflow: Schemas["WorkflowSummary"];
  active: boolean;
  place: (change: { at: string | undefined }) => void;
}

export const WorkflowRow = memo(function WorkflowRow({ workflow, active, place }: Props) {
  const { name, doc, triggers, last_runs, runs, version, deployed_at_us } = workflow;
  const next = nextFire(triggers);
  return (
    <tr data-active={active || undefined}>
      <th scope="row" data-column="Workflow">
        <Link id={`workflow-${name}`} to="/workflows/$name/graph" params={{ name }} className={classes.name} onFocus={() => place({ at: name })}>
          {name}
        </Link>
        {workflow.condition !== "active" && <span className={classes.condition}>{workflow.condition}</span>}
        {doc && <span className={classes.doc}>{doc.split("\n")[0]}</span>}
      </th>
      <td data-column="Triggers" title={triggers.map((one) => one.text).join("\n")}>
        {triggers.length === 0 ? <span className={classes.muted}>by hand</span> : triggers.map(triggerWords).join(", ")}
      </td>
      <td data-column="Next fire">{next === null ? "" : <Time us={next} />}</td>
      <td data-column="Last runs">
        <LastRuns runs={last_runs} />
      </td>
      <td data-column="Success">
        <Rate runs={runs} />
      </td>
      <td data-column="Version">
        <Link to="/workflows/$name/versions" params={{ name }} className={classes.version} title={version}>
          {version.slice(0, 8)}
        </Link>
      </td>
      <td data-column="Deployed" className={classes.muted}>
        <Time us={deployed_at_us} />
      </td>
      <td data-column="">
        <Tooltip label="Start a run…">
          <ActionIcon onClick={() => openStart(name)} aria-label={`Start ${name}…`}>
            <Icon name="play" size={14} />
          </ActionIcon>
        </Tooltip>
      </td>
    </tr>
  );
});

/** The share of runs that succeeded, told by the words beside the bar. */
export function Rate({ runs }: { runs: Record<string, number> }) {
  const rate = successRate(runs);
  if (rate === null) return <span className={classes.muted}>–</span>;
  const [good, bad] = [runs["succeeded"] ?? 0, runs["failed"] ?? 0];
  return (
    <span className={classes.rate} title={`${good.toLocaleString("en")} succeeded, ${bad.toLocaleString("en")} failed`}>
      <span className={classes.track} aria-hidden="true">
        <span style={{ width: `${100 * rate}%` }} />
      </span>
      {percent(rate)}
    </span>
  );
}
