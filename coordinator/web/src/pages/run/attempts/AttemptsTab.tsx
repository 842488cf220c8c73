import { Button, Select } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { type Schemas, api, data } from "~/api/client";
import { StateBadge } from "~/design/State";
import { isState } from "~/design/states";
import { onFrames } from "~/live/live";
import { duration } from "~/time/format";
import { Time } from "~/time/Time";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Bar } from "~/ui/Page";

import { ErrorBlock } from "../NodePanel";
import { End } from "../parts/End";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { useChange } from "../useChange";
import { useRunDetail } from "../useRunDetail";
import classes from "./Attempts.module.css";

type Attempt = Schemas["AttemptView"];

const route = getRouteApi("/runs/$runId");
const PAGE = 500;
const SOON_MS = 1_000;

/** Every time that a worker tried a node or an item. */
export function AttemptsTab() {
  const { runId } = route.useParams();
  const { task, item, attempt, at } = route.useSearch();
  const change = useChange();
  const { run } = useRunDetail(runId);
  const attempts = useAttempts(runId, task);
  const rows = attempts.data?.pages.flatMap((page) => page.attempts) ?? [];
  const selected = rows.find((one) => (at === undefined ? one.attempt === attempt && one.node === task && (one.item ?? undefined) === item : keyOf(one) === at));
  if (attempts.isError && !attempts.data) return <Failure error={attempts.error} retry={() => void attempts.refetch()} />;
  return (
    <div className={classes.tab}>
      <Bar label="Attempts">
        <Select
          aria-label="Node"
          placeholder="All nodes"
          w={200}
          searchable
          clearable
          limit={200}
          value={task ?? null}
          onChange={(next) => change({ task: next ?? undefined, item: undefined, attempt: undefined, at: undefined })}
          data={run?.nodes.map((one) => one.node) ?? []}
        />
      </Bar>
      {attempts.isPending ? (
        <Skeleton label="Reading attempts" />
      ) : rows.length === 0 ? (
        <Empty icon="worker" title="No attempt has ended">
          An attempt appears here when its worker has reported it. <Link to="/runs/$runId/timeline" params={{ runId }}>The timeline</Link> shows what is at work now.
        </Empty>
      ) : (
        <VirtualTable
          label="Attempts"
          columns={COLUMNS}
          rows={rows}
          rowKey={keyOf}
          selected={selected && keyOf(selected)}
          select={(one) => change({ item: undefined, attempt: undefined, at: one === selected ? undefined : keyOf(one) })}
          expanded={(one) => one === selected}
          below={moreOf}
          end={
            <End>
              {rows.length.toLocaleString("en")} {rows.length === 1 ? "attempt" : "attempts"}
              {attempts.hasNextPage ? (
                <Button loading={attempts.isFetchingNextPage} onClick={() => void attempts.fetchNextPage()}>
                  Show more
                </Button>
              ) : (
                ", that is all"
              )}
            </End>
          }
        />
      )}
    </div>
  );
}

/** Attempts are reported by the run's changes; they are read again soon after, since the stream does not carry them. */
function useAttempts(runId: string, node: string | undefined) {
  const queryClient = useQueryClient();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onFrames("changes", (frames) => {
      if (!frames.some((frame) => frame.changes.some((batch) => batch.run_id === runId))) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        void queryClient.invalidateQueries({ queryKey: ["run", runId, "attempts", "all"] });
      }, SOON_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [queryClient, runId]);
  return useInfiniteQuery({
    queryKey: ["run", runId, "attempts", "all", node ?? null],
    queryFn: ({ signal, pageParam }) => data(api.GET("/api/v1/runs/{run_id}/attempts", { params: { path: { run_id: runId }, query: { node, limit: PAGE, after: pageParam } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
  });
}

function keyOf(one: Attempt): string {
  return `${one.node} ${one.item ?? ""} ${one.attempt} ${one.delivery}`;
}

function moreOf(one: Attempt): ReactNode {
  return <More one={one} />;
}

function More({ one }: { one: Attempt }) {
  const { runId } = route.useParams();
  return (
    <div className={classes.more}>
      <p>
        <Link to="/runs/$runId/logs" params={{ runId }} search={{ task: one.node, item: one.item ?? undefined, attempt: one.attempt }}>
          Its log
        </Link>
        <Link to="/runs/$runId/graph" params={{ runId }} search={{ task: one.node }}>
          The node
        </Link>
      </p>
      {one.error ? <ErrorBlock error={one.error} level={2} /> : <p className={classes.quiet}>It ended without an error.</p>}
    </div>
  );
}

/** A lost attempt may have started without anybody being told. */
function seen(one: Attempt, lasted_s: number): string {
  return one.started_at_us === 0 ? "unknown" : duration(lasted_s * 1e6);
}

const COLUMNS: readonly Column<Attempt>[] = [
  { title: "Node", width: "minmax(140px, 1.4fr)", cell: (one) => `${one.node}${one.item === null ? "" : `[${one.item}]`}` },
  { title: "Attempt", width: "80px", right: true, cell: (one) => (one.delivery > 1 ? `${one.attempt} (delivery ${one.delivery})` : one.attempt) },
  { title: "State", width: "110px", cell: (one) => (isState(one.state) ? <StateBadge state={one.state} /> : one.state) },
  { title: "In the queue", width: "90px", right: true, cell: (one) => seen(one, one.queue_wait_s) },
  { title: "At work", width: "80px", right: true, cell: (one) => seen(one, one.duration_s) },
  { title: "Ended", width: "150px", right: true, cell: (one) => <Time us={one.finished_at_us} as="absolute" /> },
  { title: "Worker", width: "minmax(130px, 0.8fr)", cell: (one) => <code>{one.worker}</code> },
  { title: "Error", width: "minmax(120px, 2fr)", cell: (one) => one.error?.message ?? "" },
];
