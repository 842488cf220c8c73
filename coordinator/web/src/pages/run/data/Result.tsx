import type { ReactNode } from "react";

import type { Schemas } from "~/api/client";
import { CopyButton } from "~/ui/Command";
import { JsonTree } from "~/ui/JsonTree";
import { Preview } from "~/ui/Preview";

import classes from "./Data.module.css";
import { bytes } from "./bytes";

/** A value, or where it is stored when it is too large to be part of an answer. */
export function Result({ result, label }: { result: Schemas["ValueView"]; label: string }) {
  const preview = result.preview && <Preview preview={result.preview} label={label} />;
  if (!result.stored) return preview ?? <JsonTree value={result.value} label={label} />;
  const { uri, size_bytes: size, digest } = result.stored;
  return (
    <div className={classes.stored}>
      {preview}
      <p>
        {bytes(size)}: too large to travel in messages, so it lies in the store of results. Workers read it from there; it is not shown here
        {preview ? " in full" : ""}.
      </p>
      <dl>
        <Row name="Address">
          <code>{uri}</code>
          <CopyButton text={uri} label="Copy address" />
        </Row>
        <Row name="Digest">
          <code>{digest}</code>
        </Row>
      </dl>
    </div>
  );
}

function Row({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
