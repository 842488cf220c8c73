import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { type Schemas, api, data } from "~/api/client";
import { StateBadge } from "~/design/State";
import { lookOf } from "~/design/states";
import { useShortcuts } from "~/keys/keys";
import { Failure, Skeleton } from "~/ui/Feedback";
import { JsonTree } from "~/ui/JsonTree";
import { SidePanel } from "~/ui/Panel";

import { Split } from "../parts/Split";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import classes from "./Data.module.css";
import { Download } from "./Download";
import { ItemResults } from "./ItemResults";
import { Result } from "./Result";

const route = getRouteApi("/runs/$runId");
type NodeView = Schemas["NodeView"];

/** What went into a run and what came out of it, and of each of its nodes. */
export function DataTab() {
  const { runId } = route.useParams();
  const { task } = route.useSearch();
  const change = useChange();
  const { run } = useRunDetail(runId);
  const close = () => change({ task: undefined, item: undefined });
  useShortcuts(task ? [{ keys: "Escape", label: "Close the result", group: "Run", moves: true, run: close }] : []);
  if (!run) return null;
  const node = run.nodes.find((one) => one.node === task);
  return (
    <Split
      panel={
        task && (
          <SidePanel key={task} title={`Result of ${task}`} label={`Result of ${task}`} onClose={close}>
            <div className={classes.result}>{node ? <NodeResult runId={runId} node={node} /> : <p>This run has no such node.</p>}</div>
          </SidePanel>
        )
      }
    >
      <div className={classes.ends}>
        <section aria-label="Params">
          <h2>Params</h2>
          {isEmpty(run.params) ? <p className={classes.quiet}>The workflow takes none.</p> : <JsonTree value={run.params} label="params" />}
        </section>
        <section aria-label="Output">
          <h2>Output</h2>
          {run.output ? (
            <>
              <Result result={run.output} label="output" />
              <Download runId={runId} what="the output" />
            </>
          ) : <p className={classes.quiet}>{run.state === "running" ? "Appears here when the run has succeeded." : run.state === "succeeded" ? "The workflow returns nothing." : `The run ${lookOf(run.state).label.toLowerCase()}: it has none.`}</p>}
        </section>
      </div>
      <h2 className={classes.title}>Results of nodes</h2>
      <VirtualTable label="Results of nodes" columns={COLUMNS} rows={run.nodes} rowKey={(one) => one.node} selected={task} select={(one) => change({ task: one.node === task ? undefined : one.node, item: undefined })} />
    </Split>
  );
}

const COLUMNS: readonly Column<NodeView>[] = [
  { title: "Node", width: "minmax(140px, 1fr)", cell: (node) => node.node },
  { title: "Task", width: "minmax(100px, 1fr)", cell: (node) => node.task },
  { title: "State", width: "130px", cell: (node) => <StateBadge state={node.state} /> },
  { title: "From", width: "minmax(120px, 2fr)", cell: (node) => node.upstream.join(", ") || "params" },
];

function NodeResult({ runId, node }: { runId: string; node: NodeView }) {
  const ready = node.state === "succeeded" || (node.map !== null && node.map.done > 0);
  const result = useQuery({
    queryKey: ["run", runId, "result", node.node, node.state],
    queryFn: ({ signal }) => data(api.GET("/api/v1/runs/{run_id}/nodes/{node}/result", { params: { path: { run_id: runId, node: node.node } }, signal })),
    enabled: ready && node.map === null,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!ready) return <p className={classes.quiet}>{node.finished_at_us === null ? "Appears here when the node has succeeded." : `The node ended without a result: ${lookOf(node.state).label.toLowerCase()}.`}</p>;
  if (node.map) return <ItemResults runId={runId} node={node} />;
  if (result.isError) return <Failure error={result.error} retry={() => void result.refetch()} />;
  if (!result.data) return <Skeleton rows={4} label="Reading the result" />;
  return (
    <>
      <Result result={result.data} label="result" />
      <Download runId={runId} node={node.node} what={`the result of ${node.node}`} />
    </>
  );
}

function isEmpty(params: unknown): boolean {
  return params == null || (typeof params === "object" && Object.keys(params).length === 0);
}
