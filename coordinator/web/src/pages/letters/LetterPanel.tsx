import { Button, SegmentedControl } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { api, data } from "~/api/client";
import { Time } from "~/time/Time";
import { bytes } from "~/time/format";
import { Failure, Prose, Skeleton } from "~/ui/Feedback";
import { TextBlock } from "~/ui/Json";
import { Fact, Facts, Section, SidePanel } from "~/ui/Panel";

import { LetterState } from "./LetterState";
import type { LetterAction } from "./LettersDialog";
import classes from "./Letters.module.css";
import { bytesOf, hexDump, readable } from "./hex";
import type { Letter } from "./search";

/** What is shown of a body; the API has all of it. */
const MOST_BYTES = 16 * 1024;

interface Props {
  id: string;
  known: Letter | undefined;
  hex: boolean;
  setHex: (hex: boolean) => void;
  onClose: () => void;
  ask: (action: LetterAction) => void;
}

/** One letter: why it is here, its headers and its body. */
export function LetterPanel({ id, known, hex, setHex, onClose, ask }: Props) {
  const query = useQuery({
    queryKey: ["letter", id],
    queryFn: ({ signal }) => data(api.GET("/api/v1/dead-letters/{letter_id}", { params: { path: { letter_id: id } }, signal })),
  });
  const letter = known ?? query.data;
  return (
    <SidePanel title={letter?.error.code ?? "Dead letter"} label={`Dead letter ${id}`} onClose={onClose}>
      {query.isError && <Failure error={query.error} retry={() => void query.refetch()} />}
      {!letter && query.isPending && <Skeleton rows={6} />}
      {letter && (
        <>
          <Particulars letter={letter} />
          <div className={classes.actions}>
            <Button variant="filled" onClick={() => ask("redrive")}>
              Redrive…
            </Button>
            {letter.state === "open" && <Button onClick={() => ask("discard")}>Discard…</Button>}
          </div>
          <Reason error={letter.error} />
          <Section title="Headers">
            <Headers headers={letter.headers} />
          </Section>
          {query.data && <BodyOf letter={query.data} hex={hex} setHex={setHex} />}
        </>
      )}
    </SidePanel>
  );
}

function Particulars({ letter }: { letter: Letter }) {
  const decided = letter.redriven_at_us ?? letter.discarded_at_us;
  return (
    <Facts>
      <Fact name="State">
        <LetterState state={letter.state} />
      </Fact>
      <Fact name="Id">
        <code>{letter.letter_id}</code>
      </Fact>
      <Fact name="Subject">
        <code>{letter.subject}</code>
      </Fact>
      <Fact name="Received">
        <Time us={letter.received_at_us} as="absolute" /> (<Time us={letter.received_at_us} as="relative" />)
      </Fact>
      {decided !== null && (
        <Fact name={letter.state === "redriven" ? "Redriven" : "Discarded"}>
          <Time us={decided} as="absolute" />
          {letter.by && ` by ${letter.by}`}
          {letter.reason && `: ${letter.reason}`}
        </Fact>
      )}
    </Facts>
  );
}

function Reason({ error }: { error: Letter["error"] }) {
  const rows = (["where", "found", "expected"] as const).filter((name) => error[name]);
  return (
    <Section title="Why it is here">
      <p className={classes.why}>{error.message}</p>
      {rows.length > 0 && (
        <dl className={classes.rows}>
          {rows.map((name) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{error[name]}</dd>
            </div>
          ))}
        </dl>
      )}
      {error.fix && (
        <p>
          <Prose text={error.fix} />
        </p>
      )}
      {error.traceback && <TextBlock text={error.traceback} label="Traceback" wrap={false} />}
    </Section>
  );
}

function Headers({ headers }: { headers: Record<string, string> }) {
  const names = Object.keys(headers).sort();
  if (names.length === 0) return <p className={classes.quiet}>It had none.</p>;
  return (
    <dl className={classes.rows}>
      {names.map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{headers[name]}</dd>
        </div>
      ))}
    </dl>
  );
}

function BodyOf({ letter, hex, setHex }: { letter: Letter; hex: boolean; setHex: (hex: boolean) => void }) {
  const isText = letter.body != null;
  const asHex = hex || !isText;
  const shown = useMemo(() => (asHex ? hexDump(bytesOf(letter), MOST_BYTES) : readable(letter.body ?? "").slice(0, MOST_BYTES)), [letter, asHex]);
  return (
    <Section title={`Body, ${bytes(letter.size_bytes)}`}>
      <div className={classes.bodyBar}>
        <SegmentedControl
          aria-label="Body as"
          value={asHex ? "hex" : "text"}
          onChange={(chosen) => setHex(chosen === "hex")}
          data={[
            { value: "text", label: "Text", disabled: !isText },
            { value: "hex", label: "Hex" },
          ]}
        />
        {!isText && <span className={classes.quiet}>It is not UTF-8.</span>}
      </div>
      {letter.size_bytes === 0 ? <p className={classes.quiet}>It is empty.</p> : <TextBlock text={shown} label="Body" wrap={!asHex} />}
      {letter.size_bytes > MOST_BYTES && (
        <p className={classes.quiet}>
          The first {bytes(MOST_BYTES)} of it; <a href={`/api/v1/dead-letters/${encodeURIComponent(letter.letter_id)}`}>the API has all</a>.
        </p>
      )}
    </Section>
  );
}
