import { useState } from "react";

import { type Tagged, stringifyExact, taggedOf } from "~/api/exact";
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
        <CopyButton text={stringifyExact(value, 2)} label={`Copy ${label}`} />
      </div>
      <Value value={value} depth={0} />
    </div>
  );
}

function Value({ value, depth, name }: { value: unknown; depth: number; name?: string }) {
  const tagged = taggedOf(value);
  const pairs = tagged && pairsOf(tagged);
  if (pairs) return <Branch value={pairs} depth={depth} {...(name === undefined ? {} : { name })} />;
  if (tagged) {
    return (
      <div className={classes.leaf}>
        {name !== undefined && <span className={classes.name}>{name}: </span>}
        <Exact tagged={tagged} />
      </div>
    );
  }
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

/** The entries of a map whose keys are no texts. */
function pairsOf({ kind, value }: Tagged): Record<string, unknown> | undefined {
  if (kind !== "map" || !Array.isArray(value)) return undefined;
  return Object.fromEntries((value as [unknown, unknown][]).map(([key, one]) => [stringifyExact(key), one]));
}

/** A value that JSON has no literal for: long integers, NaN, bytes, and what packages have made. */
function Exact({ tagged: { kind, value } }: { tagged: Tagged }) {
  if (typeof value === "string" && (kind === "int" || kind === "float")) return <span className={classes["number"]}>{value}</span>;
  if (typeof value === "string" && kind === "bytes") {
    const size = Math.floor((value.replace(/=+$/, "").length * 3) / 4);
    return (
      <span className={classes["string"]}>
        {value.length > LETTERS ? `${value.slice(0, LETTERS)}…` : value}
        <span className={classes.hint}> {size.toLocaleString("en")} bytes, as Base64</span>
      </span>
    );
  }
  if (kind === "of" && Array.isArray(value)) {
    return (
      <>
        <Value value={value[1]} depth={1} />
        <span className={classes.hint}>{String(value[0])}</span>
      </>
    );
  }
  return <span className={classes.hint}>{kind}</span>;
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
