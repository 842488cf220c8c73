import { Button } from "@mantine/core";
import { Suspense } from "react";

import { StateIcon } from "~/design/State";
import { Icon } from "~/design/icons";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { quoted } from "~/ui/commandLine";
import { part } from "~/ui/parts";

import { Filters } from "./Filters";
import { Histogram } from "./Histogram";
import { RunList } from "./RunList";
import { ViewsMenu } from "./ViewsMenu";
import { listCommand } from "./search";
import type { RunsViewState } from "./useRunsView";

const RunsDialog = part(async () => ({ default: (await import("./RunsDialog")).RunsDialog }));

export function RunsActions({ view }: { view: RunsViewState }) {
  const { filter, apply, picked, list, setAsking, workflow } = view;
  return (
    <>
      {workflow === undefined && <ViewsMenu filter={filter} apply={apply} />}
      <Button onClick={() => setAsking("retry")} disabled={list.ids.length === 0} leftSection={<StateIcon state="retrying" />}>
        {picked.length > 0 ? `Retry ${picked.length}…` : "Retry…"}
      </Button>
      <Button onClick={() => setAsking("cancel")} disabled={list.ids.length === 0} leftSection={<Icon name="stop" size={14} />}>
        {picked.length > 0 ? `Cancel ${picked.length}…` : "Cancel…"}
      </Button>
    </>
  );
}

/** Filters, the list, and what acts on it: of all runs, or of one workflow's. */
export function RunsView({ view }: { view: RunsViewState }) {
  const { key, filter, filtered, workflow, at, picked, list, setFilter, place, apply, asking, setAsking } = view;
  const { query, ids, fresh, showFresh } = list;
  return (
    <>
      <Filters filter={filter} change={setFilter} fixed={workflow !== undefined}>
        {workflow !== undefined && <RunsActions view={view} />}
      </Filters>
      <Histogram filter={filter} change={setFilter} />
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={12} />}
      {query.isSuccess && ids.length === 0 && (
        <Empty icon="runs" title={filtered ? "No run fits these filters" : "No run yet"} command={filtered ? listCommand(filter) : `headrace run ${workflow === undefined ? "WORKFLOW" : quoted(workflow)} -p name=value`}>
          {filtered ? (
            <Button onClick={() => apply({})}>Clear the filters</Button>
          ) : (
            "A run starts when an event fits a trigger, when a schedule fires, or by hand. It appears here by itself."
          )}
        </Empty>
      )}
      {ids.length > 0 && (
        <RunList
          key={key}
          listKey={key}
          ids={ids}
          filter={filter}
          fresh={fresh}
          showFresh={showFresh}
          at={at}
          picked={picked}
          place={place}
          more={query.hasNextPage}
          loading={query.isFetchingNextPage}
          loadMore={() => void query.fetchNextPage()}
          cancel={() => setAsking("cancel")}
          retry={() => setAsking("retry")}
        />
      )}
      <Suspense fallback={null}>
        {asking && <RunsDialog action={asking} picked={picked} filter={filter} onClose={() => setAsking(null)} onDone={() => place({ pick: undefined })} />}
      </Suspense>
    </>
  );
}
