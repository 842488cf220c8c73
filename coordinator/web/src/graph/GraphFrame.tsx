import { SegmentedControl } from "@mantine/core";
import { type ReactNode, Suspense } from "react";

import { useShortcuts } from "~/keys/keys";
import { Skeleton } from "~/ui/Feedback";

import classes from "./GraphFrame.module.css";

interface Props {
  view: "table" | undefined;
  show: (view: "table" | undefined) => void;
  graph: ReactNode;
  /** The twin: says line by line what the graph shows. */
  table: ReactNode;
  /** Beside it, of the node that is selected. */
  panel: ReactNode;
  close: () => void;
  group: string;
}

/** A graph or its table, and the node that is selected in it. */
export function GraphFrame({ view, show, graph, table, panel, close, group }: Props) {
  useShortcuts([
    { keys: "v", label: "Graph or table", group, run: () => show(view === "table" ? undefined : "table") },
    ...(panel ? [{ keys: "Escape", label: "Close the node", group, run: close }] : []),
  ]);
  return (
    <div className={classes.tab} data-panel={panel ? true : undefined}>
      <div className={classes.view} data-view={view ?? "graph"}>
        <SegmentedControl
          className={classes.switch ?? ""}
          aria-label="Show as"
          value={view ?? "graph"}
          onChange={(next) => show(next === "table" ? "table" : undefined)}
          data={[
            { value: "graph", label: "Graph" },
            { value: "table", label: "Table" },
          ]}
        />
        {view === "table" ? table : <Suspense fallback={<Skeleton />}>{graph}</Suspense>}
      </div>
      {panel}
    </div>
  );
}
