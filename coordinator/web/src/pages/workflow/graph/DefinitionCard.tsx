import type { NodeProps } from "@xyflow/react";
import { createContext, memo, useContext } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { Card } from "~/graph/Card";
import type { CardNode } from "~/graph/Flow";

import classes from "./Definition.module.css";
import { attemptsOf, timeoutText } from "./describe";

type Node = Schemas["NodeDefinition"];

/** Nodes of the definition that is drawn, by id: xyflow hands on ids alone. */
export const DrawnNodes = createContext<ReadonlyMap<string, Node>>(new Map());

export const DefinitionCard = memo(function DefinitionCard({ id, selected }: NodeProps<CardNode>) {
  const node = useContext(DrawnNodes).get(id);
  return <Card id={id} selected={selected} map={node?.map != null} icon={<Icon name={node?.map ? "map" : "task"} size={14} className={classes.icon} />} facts={node && <NodeFacts node={node} />} />;
});

/** What is special about a node, in as few words as go on a card. */
export function NodeFacts({ node }: { node: Node }) {
  const options = node.options ?? {};
  const attempts = attemptsOf(options);
  const words = [
    node.map ? "map" : "",
    node.task === node.id ? "" : node.task,
    options.queue && options.queue !== "default" ? `queue ${options.queue}` : "",
    attempts > 1 ? `${attempts} attempts` : "",
    options.timeout_s == null ? "" : `timeout ${timeoutText(options)}`,
  ].filter(Boolean);
  return <span className={classes.words}>{words.length > 0 ? words.join(" · ") : "task"}</span>;
}
