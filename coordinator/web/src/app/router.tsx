import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";

import { runsSearch } from "~/pages/runs/search";
import { runSearch } from "~/pages/run/search";
import { Skeleton } from "~/ui/Feedback";

import { ErrorPage, NoSuchPage } from "./ErrorPage";
import { Shell } from "./Shell";
import { parseSearch, stringifySearch } from "./search";

/** Every address. A page is a chunk of its own, loaded when it is first opened. */
const root = createRootRoute({ component: Shell, notFoundComponent: NoSuchPage });

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/runs", replace: true });
  },
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: runsSearch,
  component: lazyRouteComponent(() => import("~/pages/runs/RunsPage"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  validateSearch: runSearch,
  component: lazyRouteComponent(() => import("~/pages/run/RunPage"), "RunPage"),
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
  component: lazyRouteComponent(() => import("~/pages/run/graph/GraphTab"), "GraphTab"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("~/pages/settings/SettingsPage"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, runs, run.addChildren([runIndex, runGraph]), settings]),
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
