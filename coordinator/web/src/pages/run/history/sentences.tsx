import type { ReactNode } from "react";

import { Time } from "~/time/Time";

import type { Event } from "./useHistory";

/** `node.upstream_failed` in words. */
export function titleOf(kind: string): string {
  const words = kind.replace(/[._]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What an event says besides what and where. */
export function detailOf(event: Event): ReactNode {
  const data = event.data ?? {};
  const text = (name: string) => (typeof data[name] === "string" && data[name] !== "" ? data[name] : undefined);
  const at = data["retry_at_us"];
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
