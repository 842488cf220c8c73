import { getRouteApi } from "@tanstack/react-router";

import { CodeBlock } from "~/ui/CodeBlock";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";

import { OldVersion } from "../OldVersion";
import { useWorkflow } from "../useWorkflow";
import classes from "../graph/Definition.module.css";

const route = getRouteApi("/workflows/$name/code");

/** The text of the workflow function. */
export function CodeTab() {
  const { name } = route.useParams();
  const { version } = route.useSearch();
  const query = useWorkflow(name, version ?? null);
  if (query.isError) return <Failure error={query.error} retry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton />;
  const source = query.data.definition.source ?? "";
  return (
    <div className={classes.column}>
      <OldVersion name={name} version={version} />
      {source ? (
        <CodeBlock text={source} label="The workflow function, as it was deployed" fill />
      ) : (
        <Empty icon="terminal" title="No source text" command="headrace deploy FILE">
          This definition was not made from a Python function. Deployed from a file, it carries the function's text.
        </Empty>
      )}
    </div>
  );
}
