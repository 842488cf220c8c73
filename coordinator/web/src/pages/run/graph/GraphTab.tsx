import { getRouteApi } from "@tanstack/react-router";
import { useCallback } from "react";

import { GraphFrame } from "~/graph/GraphFrame";
import { part } from "~/ui/parts";

import { NodePanel } from "../NodePanel";
import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import { NodeTable } from "./NodeTable";

const route = getRouteApi("/runs/$runId");
const GraphView = part(() => import("./GraphView"));

/** The nodes of a run as a graph, or as the table that says the same. */
export function GraphTab() {
  const { runId } = route.useParams();
  const { task, view } = route.useSearch();
  const change = useChange();
  const { run } = useRunDetail(runId);
  const select = useCallback((next: string | undefined) => change({ task: next, item: undefined, attempt: undefined }), [change]);
  if (!run) return null;
  return (
    <GraphFrame
      group="Run"
      view={view}
      show={(next) => change({ view: next })}
      graph={<GraphView run={run} selected={task} select={select} />}
      table={<NodeTable run={run} selected={task} select={select} />}
      panel={task && <NodePanel key={task} run={run} node={task} onClose={() => select(undefined)} />}
      close={() => select(undefined)}
    />
  );
}
