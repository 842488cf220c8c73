import { Icon } from "~/design/icons";
import { Command } from "~/ui/Command";

import classes from "./Queues.module.css";

/** Tasks wait and nobody will ever come: the command that changes that. */
export function Unserved({ queue, pending }: { queue: string; pending: number }) {
  return (
    <div className={classes.unserved} role="status">
      <Icon name="warning" size={16} className={classes.unservedIcon} />
      <div>
        <p>
          {pending === 1 ? "1 task waits" : `${pending.toLocaleString("en")} tasks wait`} in <b>{queue}</b>, and no worker serves it. Start one:
        </p>
        <Command text={`headrace worker FILE_OR_MODULE --queues ${queue}`} />
      </div>
    </div>
  );
}

/** NATS gives out nothing, as when somebody has paused a consumer there. */
export function Trouble({ text }: { text: string }) {
  return (
    <div className={classes.unserved} role="status">
      <Icon name="warning" size={16} className={classes.unservedIcon} />
      <p>{text}</p>
    </div>
  );
}
