import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";

import { StateIcon, hueOf } from "~/design/State";
import { lookOf } from "~/design/states";
import { duration } from "~/time/format";
import { Elapsed } from "~/time/Time";

import { useNode } from "../useRunDetail";
import classes from "./NodeCard.module.css";

export type TaskNode = Node<Record<string, never>, "task">;

/** A node of a run. A map stays one node, however many items it has: it shows how far it is. */
export const NodeCard = memo(function NodeCard({ id, selected }: NodeProps<TaskNode>) {
  const node = useNode(id);
  const state = node?.state ?? "waiting";
  const map = node?.map;
  return (
    <div className={classes.card} style={hueOf(state)} data-state={state} data-map={map ? true : undefined} data-selected={selected || undefined}>
      <Handle type="target" position={Position.Left} className={classes.handle} isConnectable={false} />
      <div className={classes.name}>
        <StateIcon state={state} label />
        <span title={id}>{id}</span>
      </div>
      <div className={classes.facts}>
        <span>{map ? `${map.done.toLocaleString("en")} of ${map.total.toLocaleString("en")}` : lookOf(state).label}</span>
        {node && node.attempt > 1 && <span>attempt {node.attempt}</span>}
        <span className={classes.time}>{node?.ready_at_us ? node.finished_at_us === null ? <Elapsed fromUs={node.ready_at_us} toUs={null} /> : duration((node.duration_s ?? 0) * 1e6) : null}</span>
      </div>
      {map && (
        <div className={classes.track} aria-hidden="true">
          <div style={{ width: `${(100 * map.done) / Math.max(1, map.total)}%` }} />
        </div>
      )}
      <Handle type="source" position={Position.Right} className={classes.handle} isConnectable={false} />
    </div>
  );
});
