import { Suspense } from "react";

import { part } from "../parts";
import { closeStart, useStart } from "./start";

const StartDialog = part(() => import("./StartDialog"));

/** Shows the form over whatever page is open; its code comes when it is first wanted. */
export function StartHost() {
  const { workflow, params } = useStart();
  if (workflow === null) return null;
  return (
    <Suspense fallback={null}>
      <StartDialog key={workflow} workflow={workflow} params={params} onClose={closeStart} />
    </Suspense>
  );
}
