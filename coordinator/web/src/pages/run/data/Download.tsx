import { Anchor } from "@mantine/core";

import { Icon } from "~/design/icons";

import classes from "./Data.module.css";

/** A whole value as a file, however large: bytes and texts as they are, anything else as JSON. */
export function Download({ runId, node, item, what }: { runId: string; node?: string; item?: number; what: string }) {
  const place = node === undefined ? runId : `${runId}/nodes/${encodeURIComponent(node)}`;
  const chosen = item === undefined ? "" : `?item=${item}`;
  return (
    <Anchor className={classes.download ?? ""} size="sm" href={`/api/v1/runs/${place}/result/content${chosen}`} download aria-label={`Download ${what}`}>
      <Icon name="arrowDown" size={13} /> Download
    </Anchor>
  );
}
