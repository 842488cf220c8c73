import { Elapsed } from "~/time/Time";

interface Timed {
  created_at_us: number;
  finished_at_us: number | null;
  idle_s: number;
  retries: number;
}

/** How long a run took, or has run so far: without the time between two goes. */
export function Took({ run }: { run: Timed }) {
  return (
    <>
      <Elapsed fromUs={run.created_at_us + run.idle_s * 1e6} toUs={run.finished_at_us} />
      {run.retries > 0 && ` in ${run.retries + 1} goes`}
    </>
  );
}
