import type { Schemas } from "~/api/client";
import table from "~/ui/Table.module.css";

import { attemptsOf, queueText, retryText, timeoutText, typesOf, upstreamOf } from "./describe";

interface Props {
  definition: Schemas["WorkflowDefinition"];
  selected: string | undefined;
  select: (node: string) => void;
}

/** What the graph of a definition shows, for reading line by line. */
export function DefinitionTable({ definition, selected, select }: Props) {
  return (
    <div className={table.scroller}>
      <table className={table.table}>
        <thead>
          <tr>
            {["Node", "Task", "After", "Queue", "Retries", "Timeout", "Isolation", "Result"].map((title) => (
              <th key={title} scope="col">
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {definition.nodes.map((node) => {
            const options = node.options ?? {};
            const { returns } = typesOf(definition, node.task);
            return (
              <tr key={node.id} data-selected={node.id === selected || undefined} onClick={() => select(node.id)}>
                <th scope="row">
                  <button type="button" aria-pressed={node.id === selected} className={table.name}>
                    {node.id}
                  </button>
                </th>
                <td>
                  {node.task}
                  {node.map && <span className={table.muted}>, for each item</span>}
                </td>
                <td className={table.muted}>{upstreamOf(node).join(", ")}</td>
                <td className={table.muted}>{queueText(options)}</td>
                <td title={retryText(options)}>{attemptsOf(options) > 1 ? `${attemptsOf(options)} attempts` : "none"}</td>
                <td>{timeoutText(options)}</td>
                <td className={table.muted}>{options.isolation ?? "thread"}</td>
                <td>
                  <code>{node.map ? `list of ${returns}` : returns}</code>
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
