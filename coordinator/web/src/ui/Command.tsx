import { ActionIcon, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";

import { Icon } from "~/design/icons";

import classes from "./Command.module.css";

export function CopyButton({ text, label = "Copy" }: { text: string; label?: string }) {
  const clipboard = useClipboard({ timeout: 1500 });
  return (
    <Tooltip label={clipboard.copied ? "Copied" : label}>
      <ActionIcon onClick={() => clipboard.copy(text)} aria-label={label}>
        <Icon name={clipboard.copied ? "check" : "copy"} size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

/** A command line that does the same, or that fills what is empty. */
export function Command({ text }: { text: string }) {
  return (
    <div className={classes.command}>
      <span aria-hidden="true" className={classes.prompt}>
        $
      </span>
      <code className={classes.text}>{text}</code>
      <CopyButton text={text} label="Copy command" />
    </div>
  );
}
