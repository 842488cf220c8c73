/** Command lines as a person would type them into a POSIX shell. */

export function flag(name: string, value: string | undefined): string {
  return value ? `${name} ${quoted(value)}` : "";
}

/** One word for the shell, whatever is in it. */
export function quoted(value: string): string {
  return /^[\w./:=@-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
