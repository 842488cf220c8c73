import { useMemo } from "react";

import type { Schemas } from "~/api/client";
import { Flow } from "~/graph/Flow";

import { DefinitionCard, DrawnNodes } from "./DefinitionCard";
import { upstreamOf } from "./describe";

interface Props {
  definition: Schemas["WorkflowDefinition"];
  version: string;
  selected: string | undefined;
  select: (node: string | undefined) => void;
}

export default function DefinitionGraph({ definition, version, selected, select }: Props) {
  const byId = useMemo(() => new Map(definition.nodes.map((node) => [node.id, node])), [definition]);
  const shape = useMemo(() => ({ nodes: definition.nodes.map((node) => ({ id: node.id, upstream: upstreamOf(node) })) }), [definition]);
  return (
    <DrawnNodes value={byId}>
      <Flow name={`${definition.name} ${version}`} shape={shape} card={DefinitionCard} selected={selected} select={select} label="Graph of the workflow. The table shows the same." group="Workflow" />
    </DrawnNodes>
  );
}
