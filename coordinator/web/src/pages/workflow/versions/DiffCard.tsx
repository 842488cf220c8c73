import type { NodeProps } from "@xyflow/react";
import { createContext, memo, useContext } from "react";

import { Card } from "~/graph/Card";
import type { CardNode } from "~/graph/Flow";

import { NodeFacts } from "../graph/DefinitionCard";
import { Sign, hueOfChange } from "./Sign";
import classes from "./Versions.module.css";
import type { Diff } from "./diff";

export const DrawnDiff = createContext<Diff | null>(null);

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
