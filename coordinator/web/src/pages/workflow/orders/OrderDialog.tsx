import { TextInput } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { type Schemas, api, data } from "~/api/client";
import { CommandDialog } from "~/ui/CommandDialog";
import { Failure, Skeleton } from "~/ui/Feedback";
import { flag, quoted } from "~/ui/commandLine";

import classes from "./Orders.module.css";

export type OrderKind = "retire" | "restore" | "delete" | "rollback" | "pause" | "resume";

export interface Order {
  kind: OrderKind;
  /** Of pause and resume: only this trigger. */
  trigger?: string;
  /** Of a rollback. */
  version?: string;
}

const TITLES: Record<OrderKind, string> = {
  retire: "Retire the workflow",
  restore: "Restore the workflow",
  delete: "Delete the workflow",
  rollback: "Make this version current",
  pause: "Pause",
  resume: "Resume",
};
const ACTIONS: Record<OrderKind, string> = { retire: "Retire", restore: "Restore", delete: "Delete", rollback: "Roll back", pause: "Pause", resume: "Resume" };

/** Asks the server what an order will do, says it, and carries it out. */
export function OrderDialog({ name, order, onClose }: { name: string; order: Order; onClose: () => void }) {
  const [reason, setReason] = useState("");
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const { kind, trigger, version } = order;
  const said = useQuery({
    queryKey: ["workflow", name, "order", kind, trigger, version],
    queryFn: () => send(name, order, "", true),
    retry: false,
    gcTime: 0,
    staleTime: 0,
  });
  const done = useMutation({
    mutationFn: () => send(name, order, reason, false),
    onSuccess: async () => {
      if (kind === "delete") await navigate({ to: "/workflows" });
      await queryClient.invalidateQueries({ queryKey: ["workflow", name] });
      await queryClient.invalidateQueries({ queryKey: ["workflows"] });
      onClose();
    },
  });
  const command = ["headrace workflows", kind, quoted(name), flag("--trigger", trigger), flag("--version", version?.slice(0, 12)), flag("--reason", reason)].filter(Boolean).join(" ");
  const nothing = said.data !== undefined && !said.data.changed;
  return (
    <CommandDialog
      title={trigger ? `${TITLES[kind]} the trigger ${trigger}` : kind === "pause" || kind === "resume" ? `${TITLES[kind]} the workflow` : TITLES[kind]}
      action={ACTIONS[kind]}
      command={said.data && !nothing ? command : null}
      danger={kind === "delete"}
      busy={done.isPending}
      disabled={!said.data || nothing}
      error={done.error}
      onConfirm={() => done.mutate()}
      onClose={onClose}
    >
      {said.isError && <Failure error={said.error} />}
      {said.isPending && <Skeleton rows={3} />}
      {said.data && (
        <>
          <ul className={classes.effects} aria-label="What happens">
            {said.data.effects.map((effect) => (
              <li key={effect}>{effect.charAt(0).toUpperCase() + effect.slice(1)}.</li>
            ))}
          </ul>
          {!nothing && <TextInput label="Reason" description="Kept in the workflow's history." value={reason} maxLength={500} onChange={(event) => setReason(event.currentTarget.value)} />}
        </>
      )}
    </CommandDialog>
  );
}

function send(name: string, { kind, trigger, version }: Order, reason: string, dry_run: boolean): Promise<Schemas["OrderReply"]> {
  const path = { name };
  if (kind === "delete") return data(api.DELETE("/api/v1/workflows/{name}", { params: { path, query: { by: "web", reason, dry_run } } }));
  const options = { params: { path }, body: { by: "web", reason, dry_run, trigger: trigger ?? "", version: version ?? "" } };
  switch (kind) {
    case "retire":
      return data(api.POST("/api/v1/workflows/{name}/retire", options));
    case "restore":
      return data(api.POST("/api/v1/workflows/{name}/restore", options));
    case "rollback":
      return data(api.POST("/api/v1/workflows/{name}/rollback", options));
    case "pause":
      return data(api.POST("/api/v1/workflows/{name}/pause", options));
    case "resume":
      return data(api.POST("/api/v1/workflows/{name}/resume", options));
  }
}
