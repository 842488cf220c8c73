import { Link, getRouteApi } from "@tanstack/react-router";

import type { Schemas } from "~/api/client";
import { duration } from "~/time/format";
import { Time } from "~/time/Time";
import { CopyButton } from "~/ui/Command";
import { Fact, Facts, Nothing, Section, SidePanel } from "~/ui/Panel";

import classes from "./SpanPanel.module.css";
import type { Row } from "./rows";

const route = getRouteApi("/runs/$runId");

interface Props {
  row: Row | undefined;
  span: Schemas["Span"] | undefined;
  rows: readonly Row[];
  select: (spanId: string) => void;
  close: () => void;
}

/** One span: when, where, its attributes, its error, what it links to. */
export function SpanPanel({ row, span, rows, select, close }: Props) {
  const name = row?.name ?? span?.name ?? "Span";
  return (
    <SidePanel title={name} label={name} onClose={close}>
      {span ? <Particulars span={span} row={row} rows={rows} select={select} /> : <Nothing>This trace has no such span (yet).</Nothing>}
    </SidePanel>
  );
}

function Particulars({ span, row, rows, select }: { span: Schemas["Span"]; row: Row | undefined; rows: readonly Row[]; select: (spanId: string) => void }) {
  const parent = rows.find((one) => one.span_id === span.parent_span_id);
  const attributes = Object.entries(span.attributes ?? {});
  const error = span.error || row?.error;
  const links = span.links ?? [];
  return (
    <>
      <Facts>
        <Fact name="Took">{duration(span.end_us - span.start_us)}</Fact>
        {row?.queue_wait_s != null && <Fact name="In the queue">{duration(row.queue_wait_s * 1e6)} before</Fact>}
        <Fact name="Began">
          <Time us={span.start_us} as="absolute" />
        </Fact>
        <Fact name="Service">{span.service}</Fact>
        <Fact name="Kind">{span.kind}</Fact>
        {row?.critical && <Fact name="Critical path">yes: the run could not end before it</Fact>}
        {parent && (
          <Fact name="Parent">
            <Inside id={parent.span_id} name={parent.name} select={select} />
          </Fact>
        )}
        <Fact name="Span id">
          <code>{span.span_id}</code> <CopyButton text={span.span_id} label="Copy span id" />
        </Fact>
        <Fact name="Trace id">
          <code>{span.trace_id}</code> <CopyButton text={span.trace_id} label="Copy trace id" />
        </Fact>
        {row?.node && <NodeLinks span={span} node={row.node} />}
      </Facts>
      {error && (
        <Section title="Error">
          <p className={classes.message}>{error}</p>
        </Section>
      )}
      {attributes.length > 0 && (
        <Section title="Attributes">
          <dl className={classes.attributes}>
            {attributes.map(([key, value]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </Section>
      )}
      {links.length > 0 && (
        <Section title="Links">
          <ul>
            {links.map((link) => {
              const inside = rows.find((one) => one.span_id === link.span_id);
              return <li key={link.span_id}>{inside ? <Inside id={link.span_id} name={inside.name} select={select} /> : <code>{`${link.trace_id} ${link.span_id}`}</code>}</li>;
            })}
          </ul>
        </Section>
      )}
    </>
  );
}

function NodeLinks({ span, node }: { span: Schemas["Span"]; node: string }) {
  const { runId } = route.useParams();
  const item = whole(span.attributes?.["headrace.item"]);
  const attempt = whole(span.attributes?.["headrace.attempt"]);
  return (
    <Fact name="Node">
      <Link to="/runs/$runId/graph" params={{ runId }} search={{ task: node }}>
        {node}
      </Link>{" "}
      ·{" "}
      <Link to="/runs/$runId/logs" params={{ runId }} search={{ task: node, item, attempt }}>
        its log
      </Link>
    </Fact>
  );
}

function whole(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function Inside({ id, name, select }: { id: string; name: string; select: (spanId: string) => void }) {
  return (
    <button type="button" className={classes.inside} onClick={() => select(id)}>
      {name}
    </button>
  );
}
