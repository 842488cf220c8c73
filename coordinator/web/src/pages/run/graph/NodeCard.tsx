import type { NodeProps } from "@xyflow/react";
import { memo } from "react";

import { StateIcon, hueOf } from "~/design/State";
import { shownOf } from "~/design/activity";
import { Card } from "~/graph/Card";
import type { CardNode } from "~/graph/Flow";
import { duration } from "~/time/format";
import { Elapsed } from "~/time/Time";

import { useNode } from "../useRunDetail";

/** A node of a run: its state, and of a map how far it is. */
export const NodeCard = memo(function NodeCard({ id, selected }: NodeProps<CardNode>) {
  const node = useNode(id);
  const { state, label } = shownOf(node ?? { state: "waiting", activity: null });
  const own = node?.state ?? "waiting";
  const map = node?.map;
  return (
    <Card
      id={id}
      selected={selected}
      hue={hueOf(state)}
      look={own === "waiting" || own === "upstream_failed" ? "dashed" : "solid"}
      icon={<StateIcon state={state} label />}
      facts={
        <>
          <span title={node?.activity?.text}>{map ? `${map.done.toLocaleString("en")} of ${map.total.toLocaleString("en")}` : label}</span>
          {node && node.attempt > 1 && <span>attempt {node.attempt}</span>}
        </>
      }
      end={node?.ready_at_us ? node.finished_at_us === null ? <Elapsed fromUs={node.ready_at_us} toUs={null} /> : duration((node.duration_s ?? 0) * 1e6) : null}
      map={map != null}
      done={map ? map.done / Math.max(1, map.total) : undefined}
    />
  );
});
