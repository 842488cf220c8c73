/** Times and durations in words. Everything here is in microseconds, as the API tells it. */

const SECOND = 1e6;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, kind: "day" | "time" | "clock" | "full" | "zone"): Intl.DateTimeFormat {
  const key = `${zone} ${kind}`;
  let found = formats.get(key);
  if (found === undefined) {
    const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
    const options: Record<typeof kind, Intl.DateTimeFormatOptions> = {
      day: { year: "numeric", month: "2-digit", day: "2-digit" },
      time,
      clock: { ...time, fractionalSecondDigits: 3 },
      full: { ...time, year: "numeric", month: "2-digit", day: "2-digit", fractionalSecondDigits: 3 },
      zone: { timeZoneName: "short" },
    };
    found = new Intl.DateTimeFormat("en-CA", { timeZone: zone, ...options[kind] });
    formats.set(key, found);
  }
  return found;
}

/** `UTC`, `CET`, `GMT+5:30`: what a zone is called at a time. */
export function zoneName(zone: string, atUs: number): string {
  const parts = format(zone, "zone").formatToParts(atUs / 1000);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? zone;
}

/** `09:41:07` of today, `2026-11-25 09:41:07` of another day. */
export function absolute(atUs: number, nowUs: number, zone: string): string {
  const day = format(zone, "day").format(atUs / 1000);
  const time = format(zone, "time").format(atUs / 1000);
  return day === format(zone, "day").format(nowUs / 1000) ? time : `${day} ${time}`;
}

/** `09:41:07.204`: for lines of which each would say the same day. */
export function clock(atUs: number, zone: string): string {
  return format(zone, "clock").format(atUs / 1000);
}

/** `2026-11-25 09:41:07.204 CET` */
export function exact(atUs: number, zone: string): string {
  return `${format(zone, "full").format(atUs / 1000).replace(",", "")} ${zoneName(zone, atUs)}`;
}

/** `12 s ago`, `in 3 min`. */
export function relative(atUs: number, nowUs: number): string {
  const gap = Math.abs(nowUs - atUs);
  if (gap < SECOND) return "now";
  const text = rough(gap);
  return atUs > nowUs ? `in ${text}` : `${text} ago`;
}

function rough(gap: number): string {
  if (gap < MINUTE) return `${Math.floor(gap / SECOND)} s`;
  if (gap < HOUR) return `${Math.floor(gap / MINUTE)} min`;
  if (gap < DAY) return `${Math.floor(gap / HOUR)} h`;
  return `${Math.floor(gap / DAY)} d`;
}

/** `4 ms`, `1.24 s`, `3 min 04 s`, `2 h 05 min`. */
export function duration(us: number): string {
  const length = Math.max(0, us);
  if (length < 1000) return `${Math.round(length)} µs`;
  if (length < SECOND) return `${Math.round(length / 1000)} ms`;
  if (length < 10 * SECOND) return `${(length / SECOND).toFixed(2)} s`;
  if (length < MINUTE) return `${(length / SECOND).toFixed(1)} s`;
  if (length < HOUR) return `${Math.floor(length / MINUTE)} min ${two((length % MINUTE) / SECOND)} s`;
  if (length < DAY) return `${Math.floor(length / HOUR)} h ${two((length % HOUR) / MINUTE)} min`;
  return `${Math.floor(length / DAY)} d ${two((length % DAY) / HOUR)} h`;
}

function two(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}

/** `512 B`, `1.5 KB`, `3.2 MB`, as NATS counts them. */
export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 ** 2 ? `${(size / 1024).toFixed(1)} KB` : `${(size / 1024 ** 2).toFixed(1)} MB`;
}
