import { getRouteApi } from "@tanstack/react-router";

import { Page } from "~/ui/Page";

import { RunsActions, RunsView } from "./RunsView";
import { useRunsView } from "./useRunsView";

const route = getRouteApi("/runs");

export function RunsPage() {
  const navigate = route.useNavigate();
  const view = useRunsView(route.useSearch(), (search, replace) => void navigate({ search, replace, resetScroll: false }));
  return (
    <Page title="Runs" actions={<RunsActions view={view} />}>
      <RunsView view={view} />
    </Page>
  );
}
