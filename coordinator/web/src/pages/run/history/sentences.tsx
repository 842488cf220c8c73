import type { ReactNode } from "react";

import { Time } from "~/time/Time";

import type { Event } from "./useHistory";

/** What happens to an attempt, not to its node or item. */
const OF_ATTEMPTS = /^(node|item)(?=\.(lost|returned|redelivered)$)/;

/** `node.upstream_failed` in words. */
export function titleOf(kind: string): string {
  const words = kind
    .replace(OF_ATTEMPTS, (of) => (of === "item" ? "item attempt" : "attempt"))
    .replace(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Why a worker gives an attempt back. */
const RETURNS: Record<string, string> = {
  unknown_task: "it does not have the task",
  no_room: "it had no free slot",
  drain: "it is draining",
};

/** What an event says besides what and where. */
export function detailOf(event: Event): ReactNode {
  const data = event.data ?? {};
  const text = (name: string) => (typeof data[name] === "string" && data[name] !== "" ? data[name] : undefined);
  const at = data["retry_at_us"];
  if (event.kind.endsWith(".returned")) return returned(text("worker"), text("reason"));
  if (event.kind.endsWith(".redelivered")) return "its delivery was lost before a worker began it; the same attempt is dispatched again";
  if (event.kind.endsWith(".code_changed")) return `${text("worker") ?? "its worker"} has other code of ${text("task") ?? "the task"} than the run met before: ${text("code")}, not ${text("before")}`;
  if (event.error) {
    return (
      <>
        {event.error.message}
        {typeof at === "number" && (
          <>
            ; next attempt <Time us={at} as="absolute" />
          </>
        )}
      </>
    );
  }
  const parts = [
    text("queue") && `to queue ${text("queue")}`,
    typeof data["total"] === "number" && `${data["total"].toLocaleString("en")} items`,
    text("trigger") && `by trigger ${text("trigger")}`,
    text("worker") && `on ${text("worker")}`,
    text("by") && `by ${text("by")}`,
    text("reason") && `“${text("reason")}”`,
    Array.isArray(data["nodes"]) && `nodes ${data["nodes"].slice(0, 5).join(", ")}${data["nodes"].length > 5 ? " …" : ""}`,
  ];
  return parts.filter(Boolean).join(", ");
}

function returned(worker = "its worker", reason = ""): string {
  const why = RETURNS[reason] ?? reason;
  return `${worker} gave it back${why && `: ${why}`}; the same attempt is dispatched again`;
}
