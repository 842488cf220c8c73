import type { NodeProps } from "@xyflow/react";
import { type CSSProperties, createContext, memo, useContext } from "react";

import { Card } from "~/graph/Card";
import type { CardNode } from "~/graph/Flow";

import { NodeFacts } from "../graph/DefinitionCard";
import classes from "./Versions.module.css";
import type { Change, Diff } from "./diff";

export const DrawnDiff = createContext<Diff | null>(null);

const HUES: Record<Change, string> = { added: "succeeded", removed: "failed", changed: "retrying" };
const SIGNS: Record<Change, string> = { added: "+", removed: "−", changed: "~" };

export function Sign({ change }: { change: Change }) {
  return (
    <span className={classes.sign} style={hueOfChange(change)} role="img" aria-label={change}>
      {SIGNS[change]}
    </span>
  );
}

export function hueOfChange(change: Change): CSSProperties {
  return { "--hue": `var(--state-${HUES[change]})` } as CSSProperties;
}

/** A node of two versions: its sign says what became of it. */
export const DiffCard = memo(function DiffCard({ id, selected }: NodeProps<CardNode>) {
  const diff = useContext(DrawnDiff);
  const node = diff?.byId.get(id);
  const change = diff?.nodes.get(id);
  return (
    <Card
      id={id}
      selected={selected}
      map={node?.map != null}
      look={change === "removed" ? "dashed" : "solid"}
      {...(change ? { hue: hueOfChange(change) } : {})}
      icon={change ? <Sign change={change} /> : <span className={classes.same} aria-hidden="true" />}
      facts={change ? <span>{change}</span> : node && <NodeFacts node={node} />}
    />
  );
});
