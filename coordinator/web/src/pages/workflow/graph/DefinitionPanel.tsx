import { Link } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import { Command } from "~/ui/Command";
import { Fact, Facts, Nothing, Section, SidePanel } from "~/ui/Panel";

import classes from "./Definition.module.css";
import { bindingText, queueText, retryText, timeoutText, typesOf, upstreamOf } from "./describe";

interface Props {
  definition: Schemas["WorkflowDefinition"];
  node: string;
  onClose: () => void;
}

/** A node of a definition: what it runs, how, on what, and what it gives. */
export function DefinitionPanel({ definition, node: id, onClose }: Props) {
  const node = definition.nodes.find((one) => one.id === id);
  return (
    <SidePanel title={id} label={`Node ${id}`} onClose={onClose}>
      {node ? <Particulars definition={definition} node={node} /> : <Nothing>This version has no such node.</Nothing>}
    </SidePanel>
  );
}

function Particulars({ definition, node }: { definition: Schemas["WorkflowDefinition"]; node: Schemas["NodeDefinition"] }) {
  const options = node.options ?? {};
  const task = definition.tasks[node.task];
  const types = typesOf(definition, node.task);
  const upstream = upstreamOf(node);
  return (
    <>
      {task?.doc && <p className={classes.doc}>{task.doc}</p>}
      <Facts>
        <Fact name="Task">{node.task}</Fact>
        {node.map && (
          <Fact name="Map">
            over {bindingText(node.map.over)}, {(node.map.window ?? 1000).toLocaleString("en")} at a time
          </Fact>
        )}
        <Fact name="Queue">{queueText(options)}</Fact>
        <Fact name="Retries">{retryText(options)}</Fact>
        <Fact name="Timeout">{timeoutText(options)}</Fact>
        <Fact name="Isolation">{options.isolation ?? "thread"}</Fact>
        {upstream.length > 0 && (
          <Fact name="After">
            {upstream.map((one, index) => (
              <span key={one}>
                {index > 0 && ", "}
                <Link to="." search={(old) => ({ ...old, task: one })} replace>
                  {one}
                </Link>
              </span>
            ))}
          </Fact>
        )}
      </Facts>
      {types.params.length > 0 && (
        <Section title="Params">
          <ul className={classes.types}>
            {types.params.map(([name, type]) => (
              <li key={name}>
                <code>{name}</code>
                <code>{type}</code>
                {node.bindings?.[name] && <span>{bindingText(node.bindings[name])}</span>}
              </li>
            ))}
          </ul>
        </Section>
      )}
      <Section title="Result">
        <code>{node.map ? `list of ${types.returns}` : types.returns}</code>
      </Section>
      <Section title="In a terminal">
        <Command text={`headrace workflows show ${definition.name}`} />
      </Section>
    </>
  );
}
