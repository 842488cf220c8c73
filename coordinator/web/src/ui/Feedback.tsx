import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import { ApiError, type Problem } from "~/api/client";
import { Icon, type IconName } from "~/design/icons";

import { Command } from "./Command";
import classes from "./Feedback.module.css";

/** A text of the API, with what stands between backticks as code. */
export function Prose({ text }: { text: string }) {
  const parts = text.split("`");
  return (
    <>
      {parts[0]}
      {parts.length > 1 && <code>{parts[1]}</code>}
      {parts.length > 2 && <Prose text={parts.slice(2).join("`")} />}
    </>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Nothing here yet: says what would be, and the command that makes it so. */
export function Empty({ icon, title, children, command }: { icon: IconName; title: string; children?: ReactNode; command?: string }) {
  return (
    <div className={classes.empty}>
      <Icon name={icon} size={22} className={classes.emptyIcon} />
      <h2>{title}</h2>
      {children && <div className={classes.words}>{children}</div>}
      {command && <Command text={command} />}
    </div>
  );
}

/** What went wrong, in the API's own words, and how to mend it. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const problem = error instanceof ApiError ? error.problem : unexpected(error);
  return (
    <div className={classes.failure} role="alert">
      <Icon name="warning" size={18} className={classes.failureIcon} />
      <div className={classes.failureText}>
        <h2>{sentence(problem.detail || problem.title)}</h2>
        <Particulars problem={problem} />
        {problem.fix && (
          <p>
            <Prose text={problem.fix} />
          </p>
        )}
        {retry && (
          <Button onClick={retry} className={classes.again}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

function Particulars({ problem }: { problem: Problem }) {
  const rows = (["where", "found", "expected", "code"] as const).filter((name) => problem[name]);
  if (rows.length === 0) return null;
  return (
    <dl className={classes.particulars}>
      {rows.map((name) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{name === "code" ? <a href={problem.type}>{problem.code}</a> : problem[name]}</dd>
        </div>
      ))}
    </dl>
  );
}

function unexpected(error: unknown): Problem {
  const text = error instanceof Error ? error.message : String(error);
  const none = { type: "", code: "", where: "", found: "", expected: "", errors: [] };
  return { ...none, status: 0, title: "This page has failed.", detail: `This page has failed: ${text}`, fix: "Reload it. If it fails again, the browser's console says where; please report it." };
}

/** Rows that are on their way. Appears only after a moment, so that quick answers do not flicker. */
export function Skeleton({ rows = 8, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div className={classes.skeleton} role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} className={classes.bone} style={{ width: `${88 - ((index * 37) % 46)}%` }} />
      ))}
    </div>
  );
}
