import type { Schemas } from "~/api/client";
import { duration } from "~/time/format";

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const NAMES: Record<string, string> = { "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *" };

/** A trigger as one would say it; what cannot be said shortly stays as it is written. */
export function triggerWords({ kind, text }: Pick<Schemas["TriggerView"], "kind" | "text">): string {
  if (kind === "event") return `on ${text.slice("event ".length).split(" where ")[0] ?? text}`;
  if (kind === "every") {
    const seconds = Number(/^every ([\d.e+-]+) s$/.exec(text)?.[1]);
    return Number.isFinite(seconds) ? `every ${short(seconds)}` : text;
  }
  const [, expression = "", zone = ""] = /^cron (.*) \(([^)]*)\)$/.exec(text) ?? [];
  const words = cronWords(expression);
  return words ? `${words}${zone && zone !== "UTC" ? ` (${zone})` : " UTC"}` : text;
}

/** The common shapes of cron; null for the others. */
export function cronWords(expression: string): string | null {
  const [minute = "", hour = "", day = "", month = "", weekday = "", more] = (NAMES[expression] ?? expression).trim().split(/\s+/);
  if (more !== undefined || weekday === "" || month !== "*") return null;
  const everyMinutes = /^\*(?:\/(\d+))?$/.exec(minute);
  if (everyMinutes) {
    if (hour !== "*" || day !== "*" || weekday !== "*") return null;
    const step = Number(everyMinutes[1] ?? 1);
    return step === 1 ? "every minute" : 60 % step === 0 ? `every ${step} minutes` : null;
  }
  if (!isNumber(minute, 59)) return null;
  const past = minute.padStart(2, "0");
  if (day === "*" && weekday === "*") {
    const everyHours = /^\*(?:\/(\d+))?$/.exec(hour);
    const step = Number(everyHours?.[1] ?? 1);
    if (everyHours) return step === 1 ? `hourly at :${past}` : 24 % step === 0 ? `every ${step} hours at :${past}` : null;
  }
  if (!isNumber(hour, 23)) return null;
  const at = `at ${hour.padStart(2, "0")}:${past}`;
  if (day === "*") return weekday === "*" ? `daily ${at}` : (weekdayWords(weekday) ?? null) && `${weekdayWords(weekday)} ${at}`;
  return weekday === "*" && isNumber(day, 31) ? `on day ${day} of each month ${at}` : null;
}

function weekdayWords(field: string): string | null {
  const written = field.toLowerCase();
  if (written === "1-5" || written === "mon-fri") return "weekdays";
  const days = written.split(",").map((one) => (isNumber(one, 7) ? DAYS[Number(one) % 7] : DAYS.find((day) => day.toLowerCase().startsWith(one) && one.length === 3)));
  if (days.some((day) => day === undefined)) return null;
  return days.length === 1 ? `${days[0]}s` : days.map((day) => day?.slice(0, 3)).join(", ");
}

function isNumber(text: string, most: number): boolean {
  return /^\d{1,2}$/.test(text) && Number(text) <= most;
}

function short(seconds: number): string {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]] as const) {
    if (seconds >= size && seconds % size === 0) return `${seconds / size} ${unit}`;
  }
  return Number.isInteger(seconds) ? `${seconds} s` : duration(seconds * 1e6);
}

/** Of the runs that came to an end by themselves, the share that succeeded; null when none has. */
export function successRate(runs: Record<string, number>): number | null {
  const [good, bad] = [runs["succeeded"] ?? 0, runs["failed"] ?? 0];
  return good + bad === 0 ? null : good / (good + bad);
}

/** A share that is never rounded up to all or down to nothing. */
export function percent(share: number): string {
  if (share > 0.999 && share < 1) return "> 99.9 %";
  if (share > 0 && share < 0.001) return "< 0.1 %";
  const written = share * 100;
  return `${Number.isInteger(written) ? written : written.toFixed(1)} %`;
}

/** When the next of the schedules fires. */
export function nextFire(triggers: readonly Schemas["TriggerView"][]): number | null {
  const times = triggers.flatMap((one) => one.next_fire_us ?? []);
  return times.length > 0 ? Math.min(...times) : null;
}
