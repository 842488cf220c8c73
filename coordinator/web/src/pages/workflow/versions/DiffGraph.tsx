import { Flow } from "~/graph/Flow";

import { DiffCard, DrawnDiff } from "./DiffCard";
import type { Diff } from "./diff";

interface Props {
  name: string;
  diff: Diff;
  selected: string | undefined;
  select: (node: string | undefined) => void;
}

export default function DiffGraph({ name, diff, selected, select }: Props) {
  return (
    <DrawnDiff value={diff}>
      <Flow name={name} shape={diff.shape} marks={diff.edges} card={DiffCard} selected={selected} select={select} label="Nodes and edges of both versions. The table shows what changed." group="Versions" />
    </DrawnDiff>
  );
}
