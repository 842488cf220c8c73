import { useEffect, useState } from "react";

import { onFrames, useLive } from "~/live/live";

import { type Held, heldKey } from "./segments";

const NONE: Held = new Map();

/** Which attempts of a run are at work, as heartbeats of the workers say. */
export function useHeld(runId: string, running: boolean): Held {
  const [held, setHeld] = useState(NONE);
  useLive(running ? "topics=workers" : null);
  useEffect(() => {
    if (!running) {
      setHeld(NONE);
      return undefined;
    }
    return onFrames("workers", (frames) => {
      const all = (frames.at(-1)?.workers ?? []).flatMap((worker) => worker.held).filter((one) => one.run_id === runId);
      setHeld(new Map(all.map((one) => [heldKey(one.node, one.item, one.attempt), one.started_at_us])));
    });
  }, [runId, running]);
  return held;
}
