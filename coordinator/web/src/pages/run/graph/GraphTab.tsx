import { SegmentedControl } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { Suspense, lazy, useCallback } from "react";

import { useShortcuts } from "~/keys/keys";
import { Skeleton } from "~/ui/Feedback";

import { NodePanel } from "../NodePanel";
import { useRunDetail } from "../useRunDetail";
import classes from "./GraphTab.module.css";
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
  const show = (next: string) => void navigate({ to: ".", search: (old) => ({ ...old, view: next === "table" ? "table" : undefined }), replace: true });
  useShortcuts([
    { keys: "v", label: "Graph or table", group: "Run", run: () => show(view === "table" ? "graph" : "table") },
    ...(task ? [{ keys: "Escape", label: "Close the node", group: "Run", run: () => select(undefined) }] : []),
  ]);
  if (!run) return null;
  return (
    <div className={classes.tab} data-panel={task ? true : undefined}>
      <div className={classes.view} data-view={view ?? "graph"}>
        <SegmentedControl
          className={classes.switch ?? ""}
          aria-label="Show as"
          value={view ?? "graph"}
          onChange={show}
          data={[
            { value: "graph", label: "Graph" },
            { value: "table", label: "Table" },
          ]}
        />
        {view === "table" ? (
          <NodeTable run={run} selected={task} select={select} />
        ) : (
          <Suspense fallback={<Skeleton />}>
            <GraphView run={run} selected={task} select={select} />
          </Suspense>
        )}
      </div>
      {task && <NodePanel key={task} run={run} node={task} onClose={() => select(undefined)} />}
    </div>
  );
}
