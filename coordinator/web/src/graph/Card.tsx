import { type CSSProperties, type ReactNode, createContext, useContext } from "react";

import classes from "./Card.module.css";

/** Whether the graph is seen from so far that nothing small could be read. */
export const Far = createContext(false);

interface Props {
  id: string;
  selected: boolean;
  icon: ReactNode;
  /** The small words below the name. */
  facts: ReactNode;
  /** At their end. */
  end?: ReactNode;
  hue?: CSSProperties;
  look?: "solid" | "dashed";
  map?: boolean;
  /** How much of it is done, 0 to 1. */
  done?: number | undefined;
}

/** What every graph draws its nodes with. A map has a double edge: it stays one node, however many items it has. */
export function Card({ id, selected, icon, facts, end, hue, look = "solid", map = false, done }: Props) {
  const far = useContext(Far);
  return (
    <div className={classes.card} style={hue} data-look={look} data-map={map || undefined} data-selected={selected || undefined}>
      <div className={classes.name}>
        {!far && icon}
        <span title={id}>{id}</span>
      </div>
      {!far && (
        <div className={classes.facts}>
          {facts}
          {end && <span className={classes.time}>{end}</span>}
        </div>
      )}
      {!far && done !== undefined && (
        <div className={classes.track} aria-hidden="true">
          <div style={{ width: `${100 * done}%` }} />
        </div>
      )}
    </div>
  );
}
