import { Button, Select, SegmentedControl } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { Suspense, useCallback, useMemo, useState } from "react";

import { RANGE_LABELS, RANGE_NAMES, type Range } from "~/app/ranges";
import { useShortcuts } from "~/keys/keys";
import { useLive } from "~/live/live";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Bar, Page } from "~/ui/Page";
import { type Place, RowGrid, type RowPlace } from "~/ui/RowGrid";
import { SearchField } from "~/ui/SearchField";
import { Split, useFocusSide } from "~/ui/Split";
import { part } from "~/ui/parts";

import { LetterPanel } from "./LetterPanel";
import { LetterRow } from "./LetterRow";
import { LOOKS } from "./LetterState";
import type { LetterAction } from "./LettersDialog";
import classes from "./Letters.module.css";
import { LETTER_STATES, type LettersFilter, type LettersSearch, stateOf } from "./search";
import { useLetterList } from "./useLetterList";

const LettersDialog = part(async () => ({ default: (await import("./LettersDialog")).LettersDialog }));
const route = getRouteApi("/dead-letters");
const COLUMNS = ["State", "Received", "Code", "Message", "Subject", "Size"];

interface Asked {
  action: LetterAction;
  ids: readonly string[] | null;
}

/** Messages that nobody could understand: why, what was in them, and what to do with them. */
export function LettersPage() {
  const { at, pick, body, ...rest } = route.useSearch();
  const navigate = route.useNavigate();
  const [asked, setAsked] = useState<Asked | null>(null);
  const key = JSON.stringify(rest);
  const filter = useMemo(() => JSON.parse(key) as LettersFilter, [key]);
  useLive("topics=dead_letters");
  const { query, letters, fresh, showFresh } = useLetterList(filter);
  const byId = useMemo(() => new Map(letters.map((one) => [one.letter_id, one])), [letters]);
  const ids = useMemo(() => [...byId.keys()], [byId]);
  const picked = pick ?? [];

  const place = useCallback<Place>((change) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false }), [navigate]);
  const change = (next: Partial<LettersSearch>) => void navigate({ search: (old) => ({ ...old, at: undefined, pick: undefined, ...next }), replace: true });
  const { holder, focusSide } = useFocusSide();
  const open = useCallback(
    (id: string) => {
      place({ at: id });
      focusSide();
    },
    [place, focusSide],
  );
  const row = useCallback(
    (where: RowPlace) => {
      const letter = byId.get(where.id);
      return letter && <LetterRow key={where.id} {...where} letter={letter} left={(stateOf(filter) ?? letter.state) !== letter.state} show={place} />;
    },
    [byId, place, filter],
  );
  // "All" is what the list shows; only open ones that a search finds can be named to the API by that.
  const all = filter.range === undefined && stateOf(filter) === "open" ? null : ids;
  const ask = (action: LetterAction) => setAsked({ action, ids: picked.length > 0 ? picked : all });
  useShortcuts([
    { keys: "r", label: "Redrive dead letters…", group: "Dead letters", run: () => ask("redrive") },
    { keys: "shift+d", label: "Discard dead letters…", group: "Dead letters", run: () => ask("discard") },
  ]);
  const filtered = filter.q !== undefined || filter.range !== undefined;
  const whole = picked.length > 0 ? `${picked.length}` : "all";
  return (
    <Page
      title="Dead letters"
      actions={
        <>
          <Button onClick={() => ask("redrive")} disabled={ids.length === 0}>
            Redrive {whole}…
          </Button>
          <Button onClick={() => ask("discard")} disabled={ids.length === 0}>
            Discard {whole}…
          </Button>
        </>
      }
    >
      <Bar label="Filters">
        <SegmentedControl
          aria-label="State"
          value={filter.state ?? "open"}
          onChange={(state) => change({ state: state === "open" ? undefined : (state as LettersFilter["state"]) })}
          data={[...LETTER_STATES.map((value) => ({ value: value as string, label: LOOKS[value].label })), { value: "any", label: "Any" }]}
        />
        <Select
          aria-label="Received"
          placeholder="Any time"
          w={140}
          clearable
          value={filter.range ?? null}
          onChange={(range) => change({ range: (range as Range | null) ?? undefined })}
          data={RANGE_NAMES.map((value) => ({ value, label: RANGE_LABELS[value] }))}
        />
        <SearchField className={classes.search} value={filter.q} change={(q) => change({ q })} label="Search dead letters" placeholder="Id, subject, code or message" group="Dead letters" />
      </Bar>
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={12} />}
      <div ref={holder} className={classes.holder}>
        {(query.isSuccess || at) && (
          <Split side={at && <LetterPanel key={at} id={at} known={byId.get(at)} hex={body === "hex"} setHex={(hex) => void navigate({ search: (old) => ({ ...old, body: hex ? "hex" : undefined }), replace: true })} onClose={() => place({ at: undefined })} ask={(action) => setAsked({ action, ids: [at] })} />}>
            {query.isSuccess && ids.length === 0 && <None filter={filter} filtered={filtered} clear={() => void navigate({ search: {} })} />}
            {ids.length > 0 && (
              <RowGrid
                key={key}
                listKey={`letters ${key}`}
                label="Dead letters"
                noun={["letter", "dead letters"]}
                columns={COLUMNS}
                className={classes.letters}
                ids={ids}
                row={row}
                fresh={fresh}
                showFresh={showFresh}
                at={at}
                picked={picked}
                place={place}
                open={open}
                more={query.hasNextPage}
                loading={query.isFetchingNextPage}
                loadMore={() => void query.fetchNextPage()}
              />
            )}
          </Split>
        )}
      </div>
      <Suspense fallback={null}>{asked && <LettersDialog {...asked} q={filter.q} known={byId} onClose={() => setAsked(null)} onDone={() => place({ pick: undefined })} />}</Suspense>
    </Page>
  );
}

function None({ filter, filtered, clear }: { filter: LettersFilter; filtered: boolean; clear: () => void }) {
  if (filtered) {
    return (
      <Empty icon="letter" title="No dead letter fits these filters" command="headrace deadletters list">
        <Button onClick={clear}>Clear the filters</Button>
      </Empty>
    );
  }
  const state = stateOf(filter);
  return (
    <Empty icon="letter" title={state === undefined ? "No dead letter" : `No ${state} dead letter`} command="headrace deadletters list">
      A message that nobody can understand is kept here with the reason, instead of being tried for ever. None is what one wants.
    </Empty>
  );
}
