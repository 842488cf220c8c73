import { getRouteApi } from "@tanstack/react-router";
import { useCallback } from "react";

import { GraphFrame } from "~/graph/GraphFrame";
import { Failure, Skeleton } from "~/ui/Feedback";
import { part } from "~/ui/parts";

import { OldVersion } from "../OldVersion";
import { useWorkflow } from "../useWorkflow";
import classes from "./Definition.module.css";
import { DefinitionPanel } from "./DefinitionPanel";
import { DefinitionTable } from "./DefinitionTable";

const route = getRouteApi("/workflows/$name/graph");
const DefinitionGraph = part(() => import("./DefinitionGraph"));

/** The definition of a workflow, at a version, as a graph or as a table. */
export function WorkflowGraphTab() {
  const { name } = route.useParams();
  const { task, view, version } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useWorkflow(name, version ?? null);
  const select = useCallback((next: string | undefined) => void navigate({ search: (old) => ({ ...old, task: next }), replace: true }), [navigate]);
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton />;
  const { definition, version: shown } = query.data;
  return (
    <div className={classes.column}>
      <OldVersion name={name} version={version} />
      <GraphFrame
        group="Workflow"
        view={view}
        show={(next) => void navigate({ search: (old) => ({ ...old, view: next }), replace: true })}
        graph={<DefinitionGraph definition={definition} version={shown} selected={task} select={select} />}
        table={<DefinitionTable definition={definition} selected={task} select={select} />}
        panel={task && <DefinitionPanel key={task} definition={definition} node={task} onClose={() => select(undefined)} />}
        close={() => select(undefined)}
      />
    </div>
  );
}
