import { CodeBlock } from "~/ui/CodeBlock";
import { Command } from "~/ui/Command";

import classes from "./Workflows.module.css";

const FILE = `from headrace import Retries, every, task, workflow


@task(retries=Retries(max_attempts=3, backoff="1s"), timeout="30s")
def greet(name: str) -> str:
    print("greeting", name)
    return f"Hello, {name}!"


@task
def shout(text: str) -> str:
    return text.upper()


@workflow(triggers=[every("1min", params={"name": "world"})])
def hello(name: str) -> str:
    """Greets somebody, loudly."""
    return shout(greet(name))
`;

/** Nothing is deployed: a whole file that can be, and the commands. */
export function FirstWorkflow() {
  return (
    <section className={classes.first} aria-label="The first workflow">
      <h2>No workflow yet</h2>
      <p className={classes.muted}>A workflow is a Python function over tasks. It appears here by itself once it is deployed.</p>
      <ol>
        <li>
          <span>
            Save this as <code>hello.py</code>.
          </span>
          <CodeBlock text={FILE} label="hello.py" />
        </li>
        <li>
          <span>Deploy it to this coordinator, and let a worker run its tasks.</span>
          <Command text={`headrace deploy hello.py --api ${globalThis.location.origin} && headrace worker hello.py`} />
        </li>
        <li>
          <span>Start a run by hand; after that, once a minute it starts by itself.</span>
          <Command text={`headrace run hello -p name=you --wait --api ${globalThis.location.origin}`} />
        </li>
      </ol>
    </section>
  );
}
