import { useState } from "react";

import { Icon } from "~/design/icons";

import { CopyButton } from "./Command";
import classes from "./JsonTree.module.css";

const SHOWN = 100;
const LETTERS = 400;
/** The value itself is open at once, and small ones in it; below this depth everything is closed at first. */
const OPEN_DEPTH = 2;
const OPEN_LENGTH = 20;

/** A value as a tree: opened part by part, so that a large one costs what is looked at. */
export function JsonTree({ value, label }: { value: unknown; label: string }) {
  return (
    <div className={classes.json}>
      <div className={classes.copy}>
        <CopyButton text={JSON.stringify(value, null, 2) ?? ""} label={`Copy ${label}`} />
      </div>
      <Value value={value} depth={0} />
    </div>
  );
}

function Value({ value, depth, name }: { value: unknown; depth: number; name?: string }) {
  if (typeof value === "object" && value !== null) return <Branch value={value} depth={depth} {...(name === undefined ? {} : { name })} />;
  return (
    <div className={classes.leaf}>
      {name !== undefined && <span className={classes.name}>{name}: </span>}
      <Scalar value={value} />
    </div>
  );
}

function Branch({ value, depth, name }: { value: object; depth: number; name?: string }) {
  const isList = Array.isArray(value);
  const entries: [string, unknown][] = isList ? value.map((one, index) => [String(index), one]) : Object.entries(value);
  const [open, setOpen] = useState(depth === 0 || (depth < OPEN_DEPTH && entries.length <= OPEN_LENGTH));
  const [shown, setShown] = useState(SHOWN);
  const brackets = isList ? "[]" : "{}";
  if (entries.length === 0) {
    return (
      <div className={classes.leaf}>
        {name !== undefined && <span className={classes.name}>{name}: </span>}
        {brackets}
      </div>
    );
  }
  const told = `${entries.length.toLocaleString("en")} ${isList ? (entries.length === 1 ? "item" : "items") : entries.length === 1 ? "key" : "keys"}`;
  return (
    <div>
      <button type="button" className={classes.branch} aria-expanded={open} onClick={() => setOpen(!open)}>
        <Icon name={open ? "chevronDown" : "chevronRight"} size={11} />
        {name !== undefined && <span className={classes.name}>{name}: </span>}
        {brackets[0]}
        {!open && <span className={classes.hint}>{told}</span>}
        {!open && brackets[1]}
      </button>
      {open && (
        <div className={classes.inside}>
          {entries.slice(0, shown).map(([key, one]) => (
            <Value key={key} name={key} value={one} depth={depth + 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className={classes.more} onClick={() => setShown(shown + SHOWN * 5)}>
              {(entries.length - shown).toLocaleString("en")} more
            </button>
          )}
        </div>
      )}
      {open && <div className={classes.close}>{brackets[1]}</div>}
    </div>
  );
}

function Scalar({ value }: { value: unknown }) {
  const [whole, setWhole] = useState(false);
  if (typeof value !== "string") return <span className={classes[value === null ? "null" : typeof value] ?? classes["null"]}>{String(value)}</span>;
  const text = JSON.stringify(whole ? value : value.slice(0, LETTERS));
  return (
    <span className={classes["string"]}>
      {text}
      {value.length > LETTERS && (
        <button type="button" className={classes.more} onClick={() => setWhole(!whole)}>
          {whole ? "less" : `${(value.length - LETTERS).toLocaleString("en")} more letters`}
        </button>
      )}
    </span>
  );
}
