import { Button } from "@mantine/core";
import { Link, Outlet, getRouteApi } from "@tanstack/react-router";
import type { ReactNode } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { LastRuns } from "~/pages/workflows/LastRuns";
import { Rate } from "~/pages/workflows/WorkflowRow";
import { nextFire, triggerWords } from "~/pages/workflows/words";
import { Time } from "~/time/Time";
import { Failure, Skeleton } from "~/ui/Feedback";
import { Page } from "~/ui/Page";
import { openStart } from "~/ui/StartForm/start";
import { type Tab, Tabs } from "~/ui/Tabs";

import classes from "./WorkflowPage.module.css";
import { Commit } from "./orders/Changes";
import { ConditionNotice, WorkflowMenu } from "./orders/WorkflowOrders";
import { useLiveWorkflow } from "./useWorkflow";

const route = getRouteApi("/workflows/$name");

const TABS: readonly Tab[] = [
  { label: "Graph", to: "/workflows/$name/graph" },
  { label: "Grid", to: "/workflows/$name/grid" },
  { label: "Runs", to: "/workflows/$name/runs" },
  { label: "Triggers", to: "/workflows/$name/triggers" },
  { label: "Versions", to: "/workflows/$name/versions" },
  { label: "Code", to: "/workflows/$name/code" },
];

export function WorkflowPage() {
  const { name } = route.useParams();
  const query = useLiveWorkflow(name);
  const workflow = query.data?.name === name ? query.data : undefined;
  useShortcuts(workflow ? [{ keys: "s", label: `Start ${name}…`, group: "Workflow", run: () => openStart(name) }] : []);
  return (
    <Page
      title={name}
      heading={
        <>
          <Link to="/workflows" className={classes.crumb}>
            Workflows
          </Link>
          <span className={classes.slash} aria-hidden="true">
            /
          </span>
          <span className={classes.name}>{name}</span>
        </>
      }
      actions={
        workflow && (
          <>
            <Button variant="filled" disabled={workflow.condition === "retired"} onClick={() => openStart(name)} leftSection={<Icon name="play" size={13} />}>
              Start…
            </Button>
            <WorkflowMenu workflow={workflow} />
          </>
        )
      }
    >
      {query.isError && !workflow && <Failure error={query.error} retry={() => void query.refetch()} />}
      {!query.isError && !workflow && <Skeleton rows={10} />}
      {workflow && (
        <>
          {workflow.doc && <p className={classes.doc}>{workflow.doc.split("\n\n")[0]}</p>}
          <ConditionNotice workflow={workflow} />
          <WorkflowFacts workflow={workflow} />
          <Tabs label="Workflow" tabs={TABS.map((tab) => ({ ...tab, params: { name } }))} />
          <div className={classes.tab}>
            <Outlet />
          </div>
        </>
      )}
    </Page>
  );
}

function WorkflowFacts({ workflow }: { workflow: Schemas["WorkflowDetail"] }) {
  const { name, version, deployed_at_us, triggers, runs, last_runs, nodes, origin } = workflow;
  const next = nextFire(triggers);
  const running = runs["running"] ?? 0;
  return (
    <dl className={classes.facts}>
      <Fact name="Last runs">
        <LastRuns runs={last_runs} />
      </Fact>
      <Fact name="Succeeded">
        <Rate runs={runs} />
      </Fact>
      {running > 0 && (
        <Fact name="Running">
          <Link to="/workflows/$name/runs" params={{ name }} search={{ state: ["running"] }}>
            {running.toLocaleString("en")}
          </Link>
        </Fact>
      )}
      <Fact name="Triggers">{triggers.length === 0 ? "by hand" : triggers.map(triggerWords).join(", ")}</Fact>
      {next !== null && (
        <Fact name="Next fire">
          <Time us={next} />
        </Fact>
      )}
      <Fact name="Nodes">{nodes}</Fact>
      <Fact name="Version">
        <Link to="/workflows/$name/versions" params={{ name }} title={version}>
          <code>{version.slice(0, 8)}</code>
        </Link>
      </Fact>
      <Fact name="Deployed">
        <Time us={deployed_at_us} />
        {origin.provenance?.by && ` by ${origin.provenance.by}`}
      </Fact>
      {workflow.set && (
        <Fact name="Deploy set">
          <span title={`${workflow.set}${workflow.owner && ` of ${workflow.owner}`}`}>{workflow.set}</span>
        </Fact>
      )}
      {origin.provenance?.commit && (
        <Fact name="Commit">
          <Commit origin={origin} />
        </Fact>
      )}
    </dl>
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
