import { Link, getRouteApi } from "@tanstack/react-router";
import { useState } from "react";

import type { Schemas } from "~/api/client";
import { Time } from "~/time/Time";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import table from "~/ui/Table.module.css";

import { Changes, Commit } from "../orders/Changes";
import { type Order, OrderDialog } from "../orders/OrderDialog";
import { useVersions } from "../useWorkflow";
import { Comparison } from "./Comparison";
import classes from "./Versions.module.css";

const route = getRouteApi("/workflows/$name/versions");

/** Every version that was deployed, the current one first; any two of them are compared. */
export function VersionsTab() {
  const { name } = route.useParams();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const query = useVersions(name);
  if (query.isError && !query.data) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton />;
  const { versions } = query.data;
  const other = search.with ?? versions[0]?.version;
  const base = search.base ?? versions.find((one) => one.version !== other)?.version;
  const choose = (change: { base?: string; with?: string }) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true });
  return (
    <div className={classes.tab}>
      <div className={classes.list}>
        <VersionTable name={name} versions={versions} base={base} other={other} choose={choose} />
        <Changes name={name} />
      </div>
      {base !== undefined && other !== undefined && base !== other ? (
        <Comparison key={`${base} ${other}`} name={name} base={base} other={other} />
      ) : (
        <Empty icon="workflow" title={versions.length > 1 ? "Choose two versions" : "One version so far"} command={versions.length > 1 ? "" : "headrace deploy FILE"}>
          {versions.length > 1 ? "Choose what it was and what it became in the list." : "Change the workflow and deploy it again: what changed is shown here, node by node."}
        </Empty>
      )}
    </div>
  );
}

interface Props {
  name: string;
  versions: readonly Schemas["VersionView"][];
  base: string | undefined;
  other: string | undefined;
  choose: (change: { base?: string; with?: string }) => void;
}

function VersionTable({ name, versions, base, other, choose }: Props) {
  const [order, setOrder] = useState<Order>();
  return (
    <>
    {order && <OrderDialog name={name} order={order} onClose={() => setOrder(undefined)} />}
    <table className={table.table}>
      <thead>
        <tr>
          {["Before", "After", "Version", "Deployed", "By", "Commit", "File", "Code", "Nodes", "Show"].map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {versions.map(({ version, deployed_at_us, current, nodes, origin }) => (
          <tr key={version} className={classes.row}>
            <td>
              <input type="radio" name="base" className={classes.radio} checked={version === base} onChange={() => choose({ base: version })} aria-label={`Compare from ${version.slice(0, 8)}`} />
            </td>
            <td>
              <input type="radio" name="with" className={classes.radio} checked={version === other} onChange={() => choose({ with: version })} aria-label={`Compare with ${version.slice(0, 8)}`} />
            </td>
            <th scope="row">
              <code title={version}>{version.slice(0, 12)}</code>
              {current && <span className={classes.current}>current</span>}
            </th>
            <td>
              <Time us={deployed_at_us} />
            </td>
            <td>{origin.provenance?.by}</td>
            <td>
              <Commit origin={origin} />
            </td>
            <td>{origin.file}</td>
            <td>{origin.code && <code title="Hash of the code of its tasks">{origin.code.slice(0, 16)}</code>}</td>
            <td>{nodes}</td>
            <td className={classes.links}>
              <Link to="/workflows/$name/graph" params={{ name }} search={current ? {} : { version }}>
                Graph
              </Link>
              <Link to="/workflows/$name/code" params={{ name }} search={current ? {} : { version }}>
                Code
              </Link>
              {!current && (
                <button type="button" className={classes.rollback} onClick={() => setOrder({ kind: "rollback", version })}>
                  Roll back…
                </button>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
    </>
  );
}
