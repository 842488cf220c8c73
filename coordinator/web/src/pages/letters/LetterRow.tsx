import { memo } from "react";

import { Time } from "~/time/Time";
import { bytes } from "~/time/format";
import { GridRow, type Place, type RowPlace } from "~/ui/RowGrid";

import { LetterState } from "./LetterState";
import classes from "./Letters.module.css";
import type { Letter } from "./search";

export const LetterRow = memo(function LetterRow({ letter, left, show, ...place }: RowPlace & { letter: Letter; left: boolean; show: Place }) {
  return (
    <GridRow place={place} left={left} onClick={() => show({ at: place.id })}>
      <span role="gridcell" data-column="State">
        <LetterState state={letter.state} />
      </span>
      <span role="gridcell" data-column="Received" className={classes.quiet}>
        <Time us={letter.received_at_us} />
      </span>
      <span role="gridcell" data-column="Code" className={classes.code}>
        {letter.error.code}
      </span>
      <span role="gridcell" data-column="Message" className={classes.message}>
        {letter.error.message}
      </span>
      <span role="gridcell" data-column="Subject" className={classes.code}>
        {letter.subject}
      </span>
      <span role="gridcell" data-column="Size" className={classes.quiet}>
        {bytes(letter.size_bytes)}
      </span>
    </GridRow>
  );
});
