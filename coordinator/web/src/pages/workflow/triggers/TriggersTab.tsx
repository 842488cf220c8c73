import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, getRouteApi } from "@tanstack/react-router";
import { useEffect } from "react";

import { type Schemas, api, data } from "~/api/client";
import { Icon, type IconName } from "~/design/icons";
import { onFrames, settled } from "~/live/live";
import { LastRuns } from "~/pages/workflows/LastRuns";
import { triggerWords } from "~/pages/workflows/words";
import { Time } from "~/time/Time";
import { Command } from "~/ui/Command";
import { quoted } from "~/ui/commandLine";
import { Empty } from "~/ui/Feedback";
import { Fact, Facts } from "~/ui/Panel";
import { exampleOf } from "~/ui/StartForm/schema";

import { TriggerSwitch, kept } from "../orders/WorkflowOrders";
import { useWorkflow } from "../useWorkflow";
import classes from "./TriggersTab.module.css";

type Trigger = NonNullable<Schemas["WorkflowDefinition"]["triggers"]>[number];

const route = getRouteApi("/workflows/$name/triggers");
const ICONS: Record<string, IconName> = { event: "event", cron: "clock", every: "clock" };
const LAST = 10;

/** What starts runs of the workflow, when next, and what came of it the last times. */
export function TriggersTab() {
  const { name } = route.useParams();
  const { data: workflow } = useWorkflow(name);
  if (!workflow) return null;
  const { triggers, definition } = workflow;
  if (triggers.length === 0) {
    return (
      <Empty icon="event" title="Started by hand alone" command={`headrace run ${quoted(name)}`}>
        Give the workflow a trigger, and events or the clock start it: <code>@workflow(triggers=[every("10min")])</code>, <code>cron("0 6 * * *")</code> or <code>event("orders.placed")</code>.
      </Empty>
    );
  }
  return (
    <ul className={classes.list}>
      {triggers.map((view) => (
        <TriggerCard key={view.id} workflow={name} condition={workflow.condition} example={exampleOf(workflow.params_schema, workflow.params_schema)} view={view} trigger={definition.triggers?.find((one) => one.id === view.id)} />
      ))}
    </ul>
  );
}

function TriggerCard({ workflow, condition, example, view, trigger }: { workflow: string; condition: string; example: unknown; view: Schemas["TriggerView"]; trigger: Trigger | undefined }) {
  const filter = `${view.kind}:${view.id}`;
  const runs = useLastRuns(workflow, filter);
  return (
    <li className={classes.card}>
      <h2 className={classes.title}>
        <Icon name={ICONS[view.kind] ?? "event"} />
        <span>{triggerWords(view)}</span>
        <code className={classes.id}>{view.id}</code>
        {condition !== "retired" && <TriggerSwitch name={workflow} view={view} />}
      </h2>
      <Facts>
        {view.paused && (
          <Fact name="Paused">
            <Time us={view.paused.mark.at_us} />
            {view.paused.mark.by && ` by ${view.paused.mark.by}`}
            {view.paused.mark.reason && `: ${view.paused.mark.reason}`}; {kept(view.paused, view.kind)}
          </Fact>
        )}
        {trigger && <Written trigger={trigger} />}
        {view.kind !== "event" && (
          <Fact name="Next fire">
            {view.next_fire_us === null ? (
              "not planned"
            ) : (
              <>
                <Time us={view.next_fire_us} as="relative" />, <Time us={view.next_fire_us} as="absolute" />
              </>
            )}
          </Fact>
        )}
        {view.last_fire_us !== null && (
          <Fact name="Last fire">
            <Time us={view.last_fire_us} />
          </Fact>
        )}
        <Fact name="Last runs">
          {runs.data ? <LastRuns runs={runs.data.runs} /> : "…"}{" "}
          {runs.data && runs.data.runs.length > 0 && (
            <Link to="/workflows/$name/runs" params={{ name: workflow }} search={{ trigger: filter }} className={classes.all}>
              all
            </Link>
          )}
        </Fact>
      </Facts>
      {trigger?.on === "event" && (
        <div className={classes.try}>
          <p>Publish such an event</p>
          <Command text={`headrace publish ${quoted(trigger.type)} --data ${quoted(JSON.stringify(Object.keys(trigger.params ?? {}).length > 0 ? {} : example))}`} />
        </div>
      )}
    </li>
  );
}

/** The trigger as it is written: the CEL of an event, the expression of a schedule, the params it gives. */
function Written({ trigger }: { trigger: Trigger }) {
  const params = Object.entries(trigger.params ?? {});
  return (
    <>
      {trigger.on === "event" && (
        <>
          <Fact name="Type">
            <code>{trigger.type}</code>
          </Fact>
          <Fact name="Where">{trigger.where ? <code className={classes.cel}>{trigger.where}</code> : "any event of this type"}</Fact>
        </>
      )}
      {trigger.on === "cron" && (
        <Fact name="Cron">
          <code>{trigger.expression}</code> in {trigger.tz ?? "UTC"}
        </Fact>
      )}
      {trigger.on === "every" && <Fact name="Every">{trigger.every_s} s since the epoch</Fact>}
      <Fact name="Params">
        {params.length === 0 ? (
          trigger.on === "event" ? "fields of the event's data that have a param's name" : "the defaults"
        ) : (
          <ul>
            {params.map(([name, value]) => (
              <li key={name}>
                <code>
                  {name} = {trigger.on === "event" ? String(value) : JSON.stringify(value)}
                </code>
              </li>
            ))}
          </ul>
        )}
      </Fact>
    </>
  );
}

/** The newest runs that a trigger started, kept true by the stream. */
function useLastRuns(workflow: string, trigger: string) {
  const queryClient = useQueryClient();
  const query = useQuery({
    queryKey: ["workflow", workflow, "trigger", trigger],
    queryFn: async ({ signal }) => {
      await settled();
      return data(api.GET("/api/v1/runs", { params: { query: { workflow, trigger, limit: LAST } }, signal }));
    },
  });
  useEffect(
    () =>
      onFrames("runs", (frames) => {
        const mine = frames.flatMap((frame) => frame.runs.filter((run) => run.workflow === workflow && run.trigger === trigger));
        if (mine.length === 0) return;
        queryClient.setQueryData<NonNullable<typeof query.data>>(["workflow", workflow, "trigger", trigger], (old) => {
          const byId = new Map([...(old?.runs ?? []), ...mine].map((run) => [run.run_id, run]));
          return old && { ...old, runs: [...byId.values()].sort((a, b) => b.created_at_us - a.created_at_us).slice(0, LAST) };
        });
      }),
    [queryClient, workflow, trigger],
  );
  return query;
}
