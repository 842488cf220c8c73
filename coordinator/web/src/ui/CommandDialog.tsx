import { Button, Modal } from "@mantine/core";
import type { ReactNode } from "react";

import { Command } from "./Command";
import classes from "./CommandDialog.module.css";
import { Failure } from "./Feedback";

interface Props {
  title: string;
  /** What will happen, before it does. */
  children: ReactNode;
  /** Null while there is nothing to do. */
  command: string | null;
  action: string;
  danger?: boolean;
  busy?: boolean;
  disabled?: boolean;
  error?: unknown;
  /** A form that needs the height of the screen. */
  tall?: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something is changed: says what will happen, and shows the command line that does the same. */
export function CommandDialog({ title, children, command, action, danger, busy, disabled, error, tall, onConfirm, onClose }: Props) {
  return (
    <Modal opened onClose={onClose} title={title} size={560} closeButtonProps={{ "aria-label": "Close" }} {...(tall ? { yOffset: "4vh" } : {})}>
      <form
        className={classes.form}
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        {children}
        {command !== null && (
          <div>
            <p className={classes.same}>The same from a terminal</p>
            <Command text={command} />
          </div>
        )}
        {error != null && <Failure error={error} />}
        <div className={classes.actions}>
          <Button onClick={onClose}>Close</Button>
          <Button type="submit" data-autofocus variant={danger ? "default" : "filled"} data-danger={danger || undefined} loading={busy ?? false} disabled={disabled ?? false}>
            {action}
          </Button>
        </div>
      </form>
    </Modal>
  );
}
