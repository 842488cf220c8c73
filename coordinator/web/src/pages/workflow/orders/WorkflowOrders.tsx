import { ActionIcon, Button, Menu } from "@mantine/core";
import { useState } from "react";

import type { Schemas } from "~/api/client";
import { Icon } from "~/design/icons";
import { Time } from "~/time/Time";

import { type Order, OrderDialog } from "./OrderDialog";
import classes from "./Orders.module.css";

/** What can be ordered about a workflow: each asks first what it will do. */
export function WorkflowMenu({ workflow }: { workflow: Schemas["WorkflowDetail"] }) {
  const [order, setOrder] = useState<Order>();
  const { name, condition } = workflow;
  const retired = condition === "retired";
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon aria-label={`Orders about ${name}`} title="Pause, retire, delete…">
            <Icon name="menu" size={14} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {!retired && condition !== "paused" && <Menu.Item onClick={() => setOrder({ kind: "pause" })}>Pause…</Menu.Item>}
          {condition === "paused" && <Menu.Item onClick={() => setOrder({ kind: "resume" })}>Resume…</Menu.Item>}
          {retired ? <Menu.Item onClick={() => setOrder({ kind: "restore" })}>Restore…</Menu.Item> : <Menu.Item onClick={() => setOrder({ kind: "retire" })}>Retire…</Menu.Item>}
          <Menu.Item onClick={() => setOrder({ kind: "delete" })}>Delete…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {order && <OrderDialog name={name} order={order} onClose={() => setOrder(undefined)} />}
    </>
  );
}

/** Says that a workflow starts nothing by itself, since when, by whom and why, and ends it. */
export function ConditionNotice({ workflow }: { workflow: Schemas["WorkflowDetail"] }) {
  const [order, setOrder] = useState<Order>();
  const mark = workflow.retired ?? workflow.paused;
  if (!mark) return null;
  const retired = workflow.retired !== null;
  return (
    <div className={classes.notice} role="status">
      <Icon name={retired ? "stop" : "clock"} size={14} />
      <span>
        {retired ? "Retired" : "Paused"} <Time us={mark.at_us} />
        {mark.by && ` by ${mark.by}`}
        {mark.reason && `: ${mark.reason}`}. {retired ? "It starts no runs." : "Its triggers keep what arrives."}
      </span>
      <Button size="compact-sm" onClick={() => setOrder({ kind: retired ? "restore" : "resume" })}>
        {retired ? "Restore…" : "Resume…"}
      </Button>
      {order && <OrderDialog name={workflow.name} order={order} onClose={() => setOrder(undefined)} />}
    </div>
  );
}

/** The switch of one trigger, and how much is kept for it. */
export function TriggerSwitch({ name, view }: { name: string; view: Schemas["TriggerView"] }) {
  const [order, setOrder] = useState<Order>();
  const { paused } = view;
  return (
    <>
      <Button size="compact-sm" onClick={() => setOrder({ kind: paused ? "resume" : "pause", trigger: view.id })}>
        {paused ? "Resume…" : "Pause…"}
      </Button>
      {order && <OrderDialog name={name} order={order} onClose={() => setOrder(undefined)} />}
    </>
  );
}

/** How many events (or missed times) a paused trigger keeps. */
export function kept({ kept: count, resuming }: Schemas["PausedView"], kind: string): string {
  const many = count >= 1_000 ? "at least 1,000" : count.toLocaleString("en");
  const what = kind === "event" ? `${many} ${count === 1 ? "event" : "events"} of its type kept` : count > 0 ? "a missed time is made up for when it is resumed" : "nothing missed so far";
  return resuming ? `resuming: ${what}` : what;
}
