import { Button, Checkbox } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { Suspense, useCallback, useEffect, useMemo, useState } from "react";

import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { useLive } from "~/live/live";
import { Time } from "~/time/Time";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Page } from "~/ui/Page";
import { type Place, RowGrid, type RowPlace } from "~/ui/RowGrid";
import { Split, useFocusSide } from "~/ui/Split";
import { part } from "~/ui/parts";

import { EventFilters } from "./EventFilters";
import { EventPanel } from "./EventPanel";
import { EventRow } from "./EventRow";
import classes from "./Events.module.css";
import type { Draft } from "./PublishDialog";
import { type EventsFilter, filterOf } from "./search";
import { useEventList } from "./useEventList";

const PublishDialog = part(async () => ({ default: (await import("./PublishDialog")).PublishDialog }));
const route = getRouteApi("/events");
const COLUMNS = ["Received", "Type", "Source", "Data", "Runs"];

/** What has come in, as it comes in, and what it started. */
export function EventsPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const [draft, setDraft] = useState<Draft | null>(null);
  const key = JSON.stringify(filterOf(search));
  const filter = useMemo(() => JSON.parse(key) as EventsFilter, [key]);
  useLive("topics=events");
  const { query, events, fresh, showFresh } = useEventList(filter);
  const follow = search.follow === "1";
  useEffect(() => {
    if (follow && fresh > 0) showFresh();
  }, [follow, fresh, showFresh]);

  const byId = useMemo(() => new Map(events.map((one) => [String(one.position), one])), [events]);
  const ids = useMemo(() => [...byId.keys()], [byId]);
  const place = useCallback<Place>((change) => void navigate({ search: (old) => ({ ...old, at: change.at }), replace: true, resetScroll: false }), [navigate]);
  const change = useCallback((next: EventsFilter) => void navigate({ search: (old) => ({ ...old, ...next, at: undefined }), replace: true }), [navigate]);
  const { holder, focusSide } = useFocusSide();
  const open = useCallback(
    (id: string) => {
      place({ at: id });
      focusSide();
    },
    [place, focusSide],
  );
  const row = useCallback(
    (at: RowPlace) => {
      const event = byId.get(at.id);
      return event && <EventRow key={at.id} {...at} event={event} show={place} />;
    },
    [byId, place],
  );
  const publish = useCallback(() => setDraft({}), []);
  useShortcuts([{ keys: "p", label: "Publish an event…", group: "Events", run: publish }]);
  const filtered = Object.values(filter).some((value) => value !== undefined);
  // A page that is short of rows although there is more: the search has looked far enough without being asked again.
  const paused = query.hasNextPage && (query.data?.pages.at(-1)?.events.length ?? 0) === 0;
  const further = (
    <Further to={query.data?.pages.at(-1)?.searched_to_us ?? null} busy={query.isFetchingNextPage} go={() => void query.fetchNextPage()} />
  );
  return (
    <Page
      title="Events"
      actions={
        <Button onClick={publish} leftSection={<Icon name="plus" size={14} />}>
          Publish…
        </Button>
      }
    >
      <EventFilters filter={filter} change={change}>
        <Checkbox label="Follow" checked={follow} onChange={(event) => void navigate({ search: (old) => ({ ...old, follow: event.currentTarget.checked ? "1" : undefined }), replace: true })} />
      </EventFilters>
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={12} />}
      <div ref={holder} className={classes.holder}>
        {(query.isSuccess || search.at) && (
          <Split side={search.at && <EventPanel key={search.at} position={search.at} known={byId.get(search.at)} onClose={() => place({ at: undefined })} publish={setDraft} filter={change} />}>
            {query.isSuccess && ids.length === 0 && paused && <Empty icon="search" title="Nothing found so far">{further}</Empty>}
            {query.isSuccess && ids.length === 0 && !paused && (
              <Empty icon="event" title={filtered ? "No event fits these filters" : "No event yet"} command={`headrace publish ${filter.type ?? "orders.placed"} --data '{"number": 7}'`}>
                {filtered ? (
                  <Button onClick={() => void navigate({ search: {} })}>Clear the filters</Button>
                ) : (
                  "Any NATS client can publish one, and so can the HTTP API and this page. Triggers of workflows say which of them start runs."
                )}
              </Empty>
            )}
            {ids.length > 0 && (
              <RowGrid
                key={key}
                listKey={`events ${key}`}
                label="Events"
                noun={["event", "events"]}
                columns={COLUMNS}
                className={classes.events}
                ids={ids}
                row={row}
                fresh={follow ? 0 : fresh}
                showFresh={showFresh}
                at={search.at}
                picked={null}
                place={place}
                open={open}
                more={query.hasNextPage && !paused}
                loading={query.isFetchingNextPage}
                loadMore={() => void query.fetchNextPage()}
                end={paused ? further : undefined}
              />
            )}
          </Split>
        )}
      </div>
      <Suspense fallback={null}>{draft && <PublishDialog draft={draft} onClose={() => setDraft(null)} />}</Suspense>
    </Page>
  );
}

function Further({ to, busy, go }: { to: number | null; busy: boolean; go: () => void }) {
  return (
    <span className={classes.further}>
      {to !== null && (
        <span>
          Searched back to <Time us={to} as="absolute" />.
        </span>
      )}
      <Button onClick={go} loading={busy}>
        Search further
      </Button>
    </span>
  );
}
