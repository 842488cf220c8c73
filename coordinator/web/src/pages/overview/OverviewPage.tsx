import { SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";

import { api, data } from "~/api/client";
import { useLive } from "~/live/live";
import { Failure, Skeleton } from "~/ui/Feedback";
import { Body, Page } from "~/ui/Page";

import { Backlog } from "./Backlog";
import { Charts } from "./Charts";
import { Failures } from "./Failures";
import { FirstSteps } from "./FirstSteps";
import classes from "./Overview.module.css";
import { RecentRuns, RunningNow } from "./RunPanels";
import { Tiles } from "./Tiles";
import { type OverviewSearch, WINDOWS, type WindowName } from "./search";
import { useOverview } from "./useOverview";

const route = getRouteApi("/");

/** How things are: what fails, what waits, what runs, how fast. */
export function OverviewPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const window = search.window ?? "1h";
  useLive("topics=runs");
  const overview = useOverview(window);
  const workflows = useQuery({ queryKey: ["workflows"], queryFn: ({ signal }) => data(api.GET("/api/v1/workflows", { signal })) });
  const change = (next: Partial<OverviewSearch>) => void navigate({ search: (old) => ({ ...old, ...next }), replace: true });
  const fresh = overview.data?.recent.length === 0 && workflows.data?.workflows.length === 0;
  return (
    <Page
      title="Overview"
      actions={
        <SegmentedControl<WindowName>
          aria-label="Window"
          value={window}
          onChange={(chosen) => change({ window: chosen === "1h" ? undefined : chosen })}
          data={Object.keys(WINDOWS) as WindowName[]}
        />
      }
    >
      <Body>
        {overview.isError && <Failure error={overview.error} retry={() => void overview.refetch()} />}
        {overview.isPending && <Skeleton rows={14} />}
        {overview.data && fresh && <FirstSteps />}
        {overview.data && !fresh && (
          <div className={classes.overview}>
            <Tiles found={overview.data} window={window} />
            <Charts found={overview.data} search={search} change={change} />
            <Failures window={window} windowS={overview.data.window_s} total={overview.data.runs["failed"] ?? 0} />
            <Backlog waits={overview.data.queue_wait} />
            <RunningNow total={overview.data.running} />
            <RecentRuns known={overview.data.recent.length} workflow={workflows.data?.workflows[0]?.name ?? "WORKFLOW"} />
          </div>
        )}
      </Body>
    </Page>
  );
}
