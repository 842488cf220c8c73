import { Icon } from "~/design/icons";
import { Command } from "~/ui/Command";

import classes from "./Overview.module.css";

const STEPS: readonly (readonly [what: string, command: string])[] = [
  ["Put a workflow into a file, and deploy it", "headrace deploy shop.py"],
  ["Start a worker that runs its tasks (`headrace dev` has one already)", "headrace worker shop.py"],
  ["Start a run, and watch it here", "headrace run WORKFLOW -p number=7"],
];

/** Nothing has been deployed and nothing has run: how to begin. */
export function FirstSteps() {
  return (
    <section className={classes.first} aria-label="First steps">
      <Icon name="logo" size={28} />
      <h2>Nothing has run here yet</h2>
      <p>Three commands change that. What they do appears here by itself.</p>
      <ol>
        {STEPS.map(([what, command], index) => (
          <li key={command}>
            <p>
              <b>{index + 1}</b> {what.replaceAll("`", "")}
            </p>
            <Command text={command} />
          </li>
        ))}
      </ol>
    </section>
  );
}
