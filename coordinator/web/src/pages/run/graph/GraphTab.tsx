import { getRouteApi } from "@tanstack/react-router";
import { lazy, useCallback } from "react";

import { GraphFrame } from "~/graph/GraphFrame";

import { NodePanel } from "../NodePanel";
import { useRunDetail } from "../useRunDetail";
import { NodeTable } from "./NodeTable";

const route = getRouteApi("/runs/$runId");
const GraphView = lazy(() => import("./GraphView"));

/** The nodes of a run as a graph, or as the table that says the same. */
export function GraphTab() {
  const { runId } = route.useParams();
  const { task, view } = route.useSearch();
  const navigate = route.useNavigate();
  const { run } = useRunDetail(runId);
  const select = useCallback((next: string | undefined) => void navigate({ to: ".", search: (old) => ({ ...old, task: next, attempt: undefined }), replace: true }), [navigate]);
  if (!run) return null;
  return (
    <GraphFrame
      group="Run"
      view={view}
      show={(next) => void navigate({ to: ".", search: (old) => ({ ...old, view: next }), replace: true })}
      graph={<GraphView run={run} selected={task} select={select} />}
      table={<NodeTable run={run} selected={task} select={select} />}
      panel={task && <NodePanel key={task} run={run} node={task} onClose={() => select(undefined)} />}
      close={() => select(undefined)}
    />
  );
}
