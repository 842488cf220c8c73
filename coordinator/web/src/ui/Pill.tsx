import { ActionIcon } from "@mantine/core";
import type { ReactNode } from "react";

import { Icon } from "~/design/icons";

import classes from "./Pill.module.css";

/** A filter that has no control of its own: it can be taken away. */
export function Pill({ name, children, remove }: { name: string; children: ReactNode; remove: () => void }) {
  return (
    <span className={classes.pill}>
      <span className={classes.name}>{name}</span> {children}
      <ActionIcon size={18} className={classes.close ?? ""} aria-label={`Remove the filter ${name}`} onClick={remove}>
        <Icon name="close" size={11} />
      </ActionIcon>
    </span>
  );
}
