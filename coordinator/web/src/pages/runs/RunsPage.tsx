import { Button } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useMemo, useState } from "react";

import { Icon } from "~/design/icons";
import { useLive } from "~/live/live";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Page } from "~/ui/Page";

import { CancelDialog } from "./CancelDialog";
import { Filters } from "./Filters";
import { RunList } from "./RunList";
import { ViewsMenu } from "./ViewsMenu";
import { type RunsFilter, filterOf, listCommand } from "./search";
import { useRunList } from "./useRunList";

const route = getRouteApi("/runs");

export function RunsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [cancelling, setCancelling] = useState(false);
  const key = JSON.stringify(filterOf(search));
  const filter = useMemo(() => JSON.parse(key) as RunsFilter, [key]);
  useLive("topics=runs");
  const { query, ids, fresh, showFresh } = useRunList(filter);
  const setFilter = useCallback((change: RunsFilter) => void navigate({ search: (old) => ({ ...old, ...change, at: undefined, pick: undefined }), replace: true }), [navigate]);
  const setPlace = useCallback(
    (change: { at?: string | undefined; pick?: string[] | undefined }) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false }),
    [navigate],
  );
  const picked = search.pick ?? [];
  const filtered = Object.values(filter).some((value) => value !== undefined);
  return (
    <Page
      title="Runs"
      actions={
        <>
          <ViewsMenu filter={filter} apply={(next) => void navigate({ search: next })} />
          <Button onClick={() => setCancelling(true)} disabled={ids.length === 0} leftSection={<Icon name="stop" size={14} />}>
            {picked.length > 0 ? `Cancel ${picked.length}…` : "Cancel…"}
          </Button>
        </>
      }
    >
      <Filters filter={filter} change={setFilter} />
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={12} />}
      {query.isSuccess && ids.length === 0 && (
        <Empty icon="runs" title={filtered ? "No run fits these filters" : "No run yet"} command={filtered ? listCommand(filter) : "headrace run WORKFLOW -p name=value"}>
          {filtered ? (
            <Button onClick={() => void navigate({ search: {} })}>Clear the filters</Button>
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
          at={search.at}
          picked={picked}
          place={setPlace}
          more={query.hasNextPage}
          loading={query.isFetchingNextPage}
          loadMore={() => void query.fetchNextPage()}
          cancel={() => setCancelling(true)}
        />
      )}
      {cancelling && <CancelDialog picked={picked} filter={filter} onClose={() => setCancelling(false)} onDone={() => setPlace({ pick: undefined })} />}
    </Page>
  );
}
