import { Outlet, getRouteApi } from "@tanstack/react-router";

import { Failure, Skeleton } from "~/ui/Feedback";
import { Page } from "~/ui/Page";
import { type Tab, Tabs } from "~/ui/Tabs";

import { RunActions, RunFacts, RunHeading, Why } from "./RunHeader";
import classes from "./RunPage.module.css";
import { useRunDetail } from "./useRunDetail";

const route = getRouteApi("/runs/$runId");

/** The tabs of a run; one is listed here once it works. */
const TABS: readonly Tab[] = [
  { label: "Graph", to: "/runs/$runId/graph" },
  { label: "Timeline", to: "/runs/$runId/timeline" },
  { label: "Logs", to: "/runs/$runId/logs" },
  { label: "Trace", to: "/runs/$runId/trace" },
  { label: "Attempts", to: "/runs/$runId/attempts" },
  { label: "History", to: "/runs/$runId/history" },
  { label: "Inputs & outputs", to: "/runs/$runId/data" },
];

export function RunPage() {
  const { runId } = route.useParams();
  const { task, item } = route.useSearch();
  const { query, run, summary } = useRunDetail(runId);
  return (
    <Page
      title={summary ? `${summary.workflow} ${runId.slice(0, 10)}` : "Run"}
      heading={summary ? <RunHeading run={summary} /> : "Run"}
      actions={summary && <RunActions run={summary} params={run?.params} />}
    >
      {query.isError && !run && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={10} />}
      {run && summary && (
        <div className={classes.body}>
          <RunFacts run={summary} />
          <Why run={summary} />
          <Tabs label="Run" tabs={TABS.map((tab) => ({ ...tab, params: { runId }, search: { task, item } }))} />
          <div className={classes.tab}>
            <Outlet />
          </div>
        </div>
      )}
    </Page>
  );
}
