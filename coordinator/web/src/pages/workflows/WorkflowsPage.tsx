import { Button, TextInput } from "@mantine/core";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { useShortcuts } from "~/keys/keys";
import { Empty, Failure, Skeleton } from "~/ui/Feedback";
import { Bar, Body, Page } from "~/ui/Page";
import { openStart } from "~/ui/StartForm/start";

import { FirstWorkflow } from "./FirstWorkflow";
import { WorkflowRow } from "./WorkflowRow";
import classes from "./Workflows.module.css";
import { useWorkflows } from "./useWorkflows";

const route = getRouteApi("/workflows");
const TITLES = ["Workflow", "Triggers", "Next fire", "Last runs", "Success", "Version", "Deployed", ""];

export function WorkflowsPage() {
  const { q, at } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useWorkflows();
  const place = useCallback((change: { q?: string | undefined; at?: string | undefined }) => void navigate({ search: (old) => ({ ...old, ...change }), replace: true, resetScroll: false }), [navigate]);
  const all = query.data?.workflows ?? [];
  const shown = all.filter((one) => fits(one, q ?? ""));
  useRowKeys(shown.map((one) => one.name), at, place);
  return (
    <Page title="Workflows">
      {all.length > 0 && (
        <Bar label="Filters">
          <Search q={q} apply={(next) => place({ q: next, at: undefined })} />
          <span className={classes.muted} role="status">
            {shown.length === all.length ? all.length : `${shown.length} of ${all.length}`} {all.length === 1 ? "workflow" : "workflows"}
          </span>
        </Bar>
      )}
      {query.isError && !query.data && <Failure error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && <Skeleton rows={8} />}
      {query.isSuccess && all.length === 0 && <FirstWorkflow />}
      {all.length > 0 && (
        <Body>
          {shown.length === 0 ? (
            <Empty icon="workflow" title="No workflow fits the search" command="headrace workflows list">
              <Button onClick={() => place({ q: undefined })}>Clear the search</Button>
            </Empty>
          ) : (
            <table className={classes.table}>
              <thead>
                <tr>
                  {TITLES.map((title) => (
                    <th key={title} scope="col" data-column={title}>
                      {title || <span className="visually-hidden">Start</span>}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {shown.map((one) => (
                  <WorkflowRow key={one.name} workflow={one} active={one.name === at} place={place} />
                ))}
              </tbody>
            </table>
          )}
        </Body>
      )}
    </Page>
  );
}

function fits(workflow: Schemas["WorkflowSummary"], q: string): boolean {
  const where = `${workflow.name} ${workflow.doc} ${workflow.triggers.map((one) => one.text).join(" ")}`.toLowerCase();
  return q.toLowerCase().split(/\s+/).every((word) => where.includes(word));
}

function Search({ q, apply }: { q: string | undefined; apply: (q: string | undefined) => void }) {
  const [typed, setTyped] = useState(q ?? "");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (document.activeElement !== input.current) setTyped(q ?? "");
  }, [q]);
  useShortcuts([{ keys: "/", label: "Search workflows", group: "Workflows", run: () => input.current?.focus() }]);
  return (
    <TextInput
      ref={input}
      aria-label="Search workflows"
      placeholder="Name, description or trigger"
      className={classes.search ?? ""}
      leftSection={<Icon name="search" size={13} />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        apply(event.currentTarget.value.trim() || undefined);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape" || event.key === "Enter") input.current?.blur();
      }}
    />
  );
}

/** The keyboard moves the focus from row to row; Enter then follows the link that has it. */
function useRowKeys(names: readonly string[], at: string | undefined, place: (change: { at: string | undefined }) => void) {
  const here = at === undefined ? -1 : names.indexOf(at);
  const move = (index: number) => {
    const next = names[Math.min(names.length - 1, Math.max(0, index))];
    if (next === undefined) return;
    place({ at: next });
    document.getElementById(`workflow-${next}`)?.focus();
  };
  const group = "Workflows";
  useShortcuts([
    { keys: "j", label: "Next workflow", group, moves: true, run: () => move(here + 1) },
    { keys: "ArrowDown", label: "Next workflow", group, moves: true, run: () => move(here + 1) },
    { keys: "k", label: "Previous workflow", group, moves: true, run: () => move(here - 1) },
    { keys: "ArrowUp", label: "Previous workflow", group, moves: true, run: () => move(here - 1) },
    { keys: "Home", label: "First workflow", group, moves: true, run: () => move(0) },
    { keys: "End", label: "Last workflow", group, moves: true, run: () => move(names.length - 1) },
    { keys: "s", label: "Start a run of the workflow…", group, moves: true, run: () => at && here >= 0 && openStart(at) },
  ]);
}
