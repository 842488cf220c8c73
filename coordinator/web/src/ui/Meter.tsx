import classes from "./Meter.module.css";

/** How much of something is in use, as a bar and in figures. */
export function Meter({ used, total, label }: { used: number; total: number; label: string }) {
  const share = total > 0 ? Math.min(1, used / total) : 0;
  return (
    <span className={classes.meter}>
      <span className={classes.track} aria-hidden="true">
        <span style={{ width: `${100 * share}%` }} data-full={share >= 1 || undefined} />
      </span>
      <span>
        {used.toLocaleString("en")}/{total.toLocaleString("en")}
        <span className="visually-hidden"> {label}</span>
      </span>
    </span>
  );
}
