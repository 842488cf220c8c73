import { createRootRoute, createRoute, createRouter, redirect } from "@tanstack/react-router";

import { eventsSearch } from "~/pages/events/search";
import { lettersSearch } from "~/pages/letters/search";
import { overviewSearch } from "~/pages/overview/search";
import { runsSearch } from "~/pages/runs/search";
import { runSearch } from "~/pages/run/search";
import { workersSearch } from "~/pages/workers/search";
import { gridSearch, versionsSearch, workflowRunsSearch, workflowSearch } from "~/pages/workflow/search";
import { workflowsSearch } from "~/pages/workflows/search";
import { Skeleton } from "~/ui/Feedback";
import { page } from "~/ui/parts";

import { ErrorPage, NoSuchPage } from "./ErrorPage";
import { Shell } from "./Shell";
import { parseSearch, stringifySearch } from "./search";

/** Every address. A page is a chunk of its own, loaded when it is first opened. */
const root = createRootRoute({ component: Shell, notFoundComponent: NoSuchPage });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: overviewSearch,
  component: page(() => import("~/pages/overview/OverviewPage"), "OverviewPage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: runsSearch,
  component: page(() => import("~/pages/runs/RunsPage"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  validateSearch: runSearch,
  component: page(() => import("~/pages/run/RunPage"), "RunPage"),
});

const runIndex = createRoute({
  getParentRoute: () => run,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/runs/$runId/graph", params, search: (old) => old, replace: true });
  },
});

const runGraph = createRoute({
  getParentRoute: () => run,
  path: "/graph",
  component: page(() => import("~/pages/run/graph/GraphTab"), "GraphTab"),
});

const runTimeline = createRoute({
  getParentRoute: () => run,
  path: "/timeline",
  component: page(() => import("~/pages/run/timeline/TimelineTab"), "TimelineTab"),
});

const runLogs = createRoute({
  getParentRoute: () => run,
  path: "/logs",
  component: page(() => import("~/pages/run/logs/LogsTab"), "LogsTab"),
});

const runTrace = createRoute({
  getParentRoute: () => run,
  path: "/trace",
  component: page(() => import("~/pages/run/trace/TraceTab"), "TraceTab"),
});

const runAttempts = createRoute({
  getParentRoute: () => run,
  path: "/attempts",
  component: page(() => import("~/pages/run/attempts/AttemptsTab"), "AttemptsTab"),
});

const runHistory = createRoute({
  getParentRoute: () => run,
  path: "/history",
  component: page(() => import("~/pages/run/history/HistoryTab"), "HistoryTab"),
});

const runData = createRoute({
  getParentRoute: () => run,
  path: "/data",
  component: page(() => import("~/pages/run/data/DataTab"), "DataTab"),
});

const workflows = createRoute({
  getParentRoute: () => root,
  path: "/workflows",
  validateSearch: workflowsSearch,
  component: page(() => import("~/pages/workflows/WorkflowsPage"), "WorkflowsPage"),
});

const workflow = createRoute({
  getParentRoute: () => root,
  path: "/workflows/$name",
  component: page(() => import("~/pages/workflow/WorkflowPage"), "WorkflowPage"),
});

const workflowIndex = createRoute({
  getParentRoute: () => workflow,
  path: "/",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/workflows/$name/graph", params, replace: true });
  },
});

const workflowGraph = createRoute({
  getParentRoute: () => workflow,
  path: "/graph",
  validateSearch: workflowSearch,
  component: page(() => import("~/pages/workflow/graph/WorkflowGraphTab"), "WorkflowGraphTab"),
});

const workflowGrid = createRoute({
  getParentRoute: () => workflow,
  path: "/grid",
  validateSearch: gridSearch,
  component: page(() => import("~/pages/workflow/grid/GridTab"), "GridTab"),
});

const workflowRuns = createRoute({
  getParentRoute: () => workflow,
  path: "/runs",
  validateSearch: workflowRunsSearch,
  component: page(() => import("~/pages/workflow/runs/WorkflowRunsTab"), "WorkflowRunsTab"),
});

const workflowTriggers = createRoute({
  getParentRoute: () => workflow,
  path: "/triggers",
  component: page(() => import("~/pages/workflow/triggers/TriggersTab"), "TriggersTab"),
});

const workflowVersions = createRoute({
  getParentRoute: () => workflow,
  path: "/versions",
  validateSearch: versionsSearch,
  component: page(() => import("~/pages/workflow/versions/VersionsTab"), "VersionsTab"),
});

const workflowCode = createRoute({
  getParentRoute: () => workflow,
  path: "/code",
  validateSearch: workflowSearch,
  component: page(() => import("~/pages/workflow/code/CodeTab"), "CodeTab"),
});

const events = createRoute({
  getParentRoute: () => root,
  path: "/events",
  validateSearch: eventsSearch,
  component: page(() => import("~/pages/events/EventsPage"), "EventsPage"),
});

const workers = createRoute({
  getParentRoute: () => root,
  path: "/workers",
  validateSearch: workersSearch,
  component: page(() => import("~/pages/workers/WorkersPage"), "WorkersPage"),
});

const queues = createRoute({
  getParentRoute: () => root,
  path: "/queues",
  component: page(() => import("~/pages/queues/QueuesPage"), "QueuesPage"),
});

const queue = createRoute({
  getParentRoute: () => root,
  path: "/queues/$name",
  component: page(() => import("~/pages/queues/QueuePage"), "QueuePage"),
});

const letters = createRoute({
  getParentRoute: () => root,
  path: "/dead-letters",
  validateSearch: lettersSearch,
  component: page(() => import("~/pages/letters/LettersPage"), "LettersPage"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: page(() => import("~/pages/settings/SettingsPage"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, runs, run.addChildren([runIndex, runGraph, runTimeline, runLogs, runTrace, runAttempts, runHistory, runData]), workflows, workflow.addChildren([workflowIndex, workflowGraph, workflowGrid, workflowRuns, workflowTriggers, workflowVersions, workflowCode]), events, workers, queues, queue, letters, settings]),
  parseSearch,
  stringifySearch,
  defaultPreload: "intent",
  defaultPreloadDelay: 60,
  defaultErrorComponent: ErrorPage,
  defaultPendingComponent: () => <Skeleton />,
  defaultPendingMs: 200,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
