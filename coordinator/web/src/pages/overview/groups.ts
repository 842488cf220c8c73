import type { RunSummary } from "~/live/frames";

export interface FailureGroup {
  workflow: string;
  count: number;
  newest: RunSummary;
  /** The messages' first lines, the most frequent one first; those that differ in figures alone are one. */
  errors: { line: string; count: number; run: RunSummary }[];
}

/** Failed runs by workflow, the workflow that failed last comes first. `runs` are newest first. */
export function groupFailures(runs: readonly RunSummary[], firstLine: (text: string | undefined) => string): FailureGroup[] {
  const groups: FailureGroup[] = [];
  for (const [workflow, failed] of Map.groupBy(runs, (run) => run.workflow)) {
    const [newest] = failed;
    if (!newest) continue;
    const errors = [...Map.groupBy(failed, (run) => firstLine(run.error?.message).replaceAll(/\d+/g, "0"))].map(([, alike]) => {
      const run = alike[0] ?? newest;
      return { line: firstLine(run.error?.message), count: alike.length, run };
    });
    groups.push({ workflow, count: failed.length, newest, errors: errors.toSorted((a, b) => b.count - a.count) });
  }
  return groups;
}
