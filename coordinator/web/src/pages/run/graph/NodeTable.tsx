import type { Schemas } from "~/api/client";
import { NodeBadge } from "~/design/NodeBadge";
import { duration } from "~/time/format";
import { Elapsed, Time } from "~/time/Time";
import classes from "~/ui/Table.module.css";

interface Props {
  run: Schemas["RunDetail"];
  selected: string | undefined;
  select: (node: string) => void;
}

/** What the graph shows, for reading line by line. */
export function NodeTable({ run, selected, select }: Props) {
  return (
    <div className={classes.scroller}>
      <table className={classes.table}>
        <thead>
          <tr>
            {["Node", "State", "After", "Queue", "Attempt", "Queue wait", "Time", "Finished"].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {run.nodes.map((node) => (
            <tr key={node.node} data-selected={node.node === selected || undefined} onClick={() => select(node.node)}>
              <th scope="row">
                <button type="button" aria-pressed={node.node === selected} className={classes.name}>
                  {node.node}
                </button>
              </th>
              <td>
                <NodeBadge node={node} />
                {node.map && (
                  <span className={classes.muted}>
                    {" "}
                    {node.map.done}/{node.map.total}
                  </span>
                )}
              </td>
              <td className={classes.muted}>{node.upstream.join(", ")}</td>
              <td className={classes.muted}>{node.queue}</td>
              <td>{node.attempt > 0 ? `${node.attempt}${node.max_attempts > 1 ? ` of ${node.max_attempts}` : ""}` : ""}</td>
              <td>{node.queue_wait_s === null ? "" : duration(node.queue_wait_s * 1e6)}</td>
              <td>{node.ready_at_us === null ? "" : <Elapsed fromUs={node.ready_at_us} toUs={node.finished_at_us} />}</td>
              <td>{node.finished_at_us === null ? "" : <Time us={node.finished_at_us} as="absolute" />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
