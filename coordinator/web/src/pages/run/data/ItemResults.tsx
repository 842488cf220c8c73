import { Button } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";

import { type Schemas, api, data } from "~/api/client";
import { Failure, Skeleton } from "~/ui/Feedback";

import classes from "./Data.module.css";
import { Download } from "./Download";
import { Result } from "./Result";

const PAGE = 50;

/** Results of a map, item by item. */
export function ItemResults({ runId, node }: { runId: string; node: Schemas["NodeView"] }) {
  const query = useInfiniteQuery({
    queryKey: ["run", runId, "result", node.node, node.state, "items"],
    queryFn: ({ signal, pageParam }) => data(api.GET("/api/v1/runs/{run_id}/nodes/{node}/result", { params: { path: { run_id: runId, node: node.node }, query: { first: pageParam, limit: PAGE } }, signal })),
    initialPageParam: 0,
    getNextPageParam: (page) => page.next,
  });
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton rows={6} label="Reading results" />;
  const whole = query.data.pages[0];
  // A map that was collected is one value.
  if (whole && !whole.items)
    return (
      <>
        <Result result={whole} label="result" />
        <Download runId={runId} node={node.node} what={`the result of ${node.node}`} />
      </>
    );
  const items = query.data.pages.flatMap((page) => page.items ?? []);
  return (
    <div className={classes.items}>
      <p className={classes.quiet}>
        {items.length.toLocaleString("en")} of {(node.map?.total ?? items.length).toLocaleString("en")} items
      </p>
      {items.map((item) => (
        <div key={item.item} className={classes.item}>
          <span className={classes.number}>[{item.item}]</span>
          <div>
            <Result result={item} label={`item ${item.item}`} />
            {item.stored && <Download runId={runId} node={node.node} item={item.item} what={`item ${item.item}`} />}
          </div>
        </div>
      ))}
      {query.hasNextPage && (
        <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show more
        </Button>
      )}
    </div>
  );
}
