import { StateBadge } from "./State";
import { type Activity, shownOf } from "./activity";
import type { NodeState } from "./states";

/** The state of a node in a word: what it does at the moment, when the server knows. */
export function NodeBadge({ node }: { node: { state: NodeState; activity: Activity | null } }) {
  const { state, label } = shownOf(node);
  return (
    <span title={node.activity?.text}>
      <StateBadge state={state}>{label}</StateBadge>
    </span>
  );
}
