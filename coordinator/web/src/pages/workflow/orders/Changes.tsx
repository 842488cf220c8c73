import { useQuery } from "@tanstack/react-query";

import { type Schemas, api, data } from "~/api/client";
import { Time } from "~/time/Time";
import { Failure, Skeleton } from "~/ui/Feedback";
import table from "~/ui/Table.module.css";

import classes from "./Orders.module.css";

const REFRESH_MS = 10_000;
const SHOWN = 50;

/** Deploys of a workflow and orders about it: what, when, who, why. */
export function Changes({ name }: { name: string }) {
  const query = useQuery({
    queryKey: ["workflow", name, "changes"],
    queryFn: ({ signal }) => data(api.GET("/api/v1/workflows/{name}/changes", { params: { path: { name }, query: { limit: SHOWN } }, signal })),
    refetchInterval: REFRESH_MS,
  });
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton rows={4} />;
  return (
    <section className={classes.changes} aria-label="History">
      <table className={table.table}>
        <thead>
          <tr>
            {["When", "What", "By", "Of", "Commit", "Why"].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {query.data.changes.map((change) => (
            <tr key={change.position}>
              <td>
                <Time us={change.at_us} />
              </td>
              <th scope="row">{change.kind.replaceAll("_", " ")}</th>
              <td>{change.by}</td>
              <td>{change.version ? <code title={change.version}>{change.version.slice(0, 12)}</code> : (change.trigger ?? change.previous)}</td>
              <td>{change.origin && <Commit origin={change.origin} />}</td>
              <td className={table.muted}>{change.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The commit that a version was deployed from. */
export function Commit({ origin }: { origin: Schemas["Origin"] }) {
  const known = origin.provenance;
  if (!known?.commit) return null;
  return (
    <span title={[known.author, known.branch, known.host && `deployed on ${known.host}`].filter(Boolean).join("\n")}>
      <code>{known.commit.slice(0, 10)}</code>
      {known.branch && ` ${known.branch}`}
      {known.dirty && " (dirty)"}
    </span>
  );
}
