import { Suspense, useMemo, useState } from "react";

import { Icon } from "~/design/icons";
import { Failure, Skeleton } from "~/ui/Feedback";
import table from "~/ui/Table.module.css";
import { part } from "~/ui/parts";

import { useWorkflow } from "../useWorkflow";
import { Sign } from "./Sign";
import classes from "./Versions.module.css";
import { type Row, diffOf, summaryOf } from "./diff";

const DiffGraph = part(() => import("./DiffGraph"));

/** Two versions: the graph of both with what came and went, and each change in words. */
export function Comparison({ name, base, other }: { name: string; base: string; other: string }) {
  const before = useWorkflow(name, base);
  const after = useWorkflow(name, other);
  const [selected, select] = useState<string>();
  const [old, now] = [before.data?.definition, after.data?.definition];
  const ready = before.data?.version === base && after.data?.version === other;
  const diff = useMemo(() => (ready && old && now ? diffOf(old, now) : null), [ready, old, now]);
  const error = before.error ?? after.error;
  if (error) return <Failure error={error} />;
  if (!diff) return <Skeleton />;
  const rows = selected === undefined ? diff.rows : diff.rows.filter((row) => row.what === `node ${selected}`);
  return (
    <div className={classes.comparison}>
      <p className={classes.summary} role="status">
        {summaryOf(diff)}
      </p>
      <div className={classes.graph}>
        <Suspense fallback={<Skeleton />}>
          <DiffGraph name={`${name} ${base}..${other}`} diff={diff} selected={selected} select={select} />
        </Suspense>
      </div>
      {diff.rows.length > 0 && (
        // The keyboard scrolls it.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <section className={classes.changes} aria-label="Changes" tabIndex={0}>
          {selected !== undefined && (
            <button type="button" className={classes.all} onClick={() => select(undefined)}>
              <Icon name="close" size={11} /> Changes of {selected} alone
            </button>
          )}
          <ChangesTable rows={rows} />
        </section>
      )}
    </div>
  );
}

function ChangesTable({ rows }: { rows: readonly Row[] }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          {["Change", "What", "Where", "Before", "After"].map((title) => (
            <th key={title} scope="col">
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={`${row.what} ${row.field}`} className={classes.row}>
            <td>
              <Sign change={row.change} /> {row.change}
            </td>
            <th scope="row">{row.what}</th>
            <td className={table.muted}>{row.field || "all of it"}</td>
            <td>{row.before && <code className={classes.value}>{row.before}</code>}</td>
            <td>{row.after && <code className={classes.value}>{row.after}</code>}</td>
          </tr>
        ))}
        {rows.length === 0 && (
          <tr>
            <td colSpan={5} className={table.muted}>
              This node is as it was.
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
