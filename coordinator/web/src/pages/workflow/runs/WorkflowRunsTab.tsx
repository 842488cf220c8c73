import { getRouteApi } from "@tanstack/react-router";

import { RunsView } from "~/pages/runs/RunsView";
import { useRunsView } from "~/pages/runs/useRunsView";

import classes from "./WorkflowRunsTab.module.css";

const route = getRouteApi("/workflows/$name/runs");

/** The list of runs, of this workflow alone. */
export function WorkflowRunsTab() {
  const { name } = route.useParams();
  const navigate = route.useNavigate();
  const view = useRunsView(route.useSearch(), (search, replace) => void navigate({ search, replace, resetScroll: false }), name);
  return (
    <div className={classes.tab}>
      <RunsView view={view} />
    </div>
  );
}
