const ROW = 16;

/** Bytes as `hexdump -C` shows them. */
export function hexDump(bytes: Uint8Array, most: number): string {
  const rows: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += ROW) {
    const row = [...bytes.subarray(at, Math.min(at + ROW, most))];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const halves = [hex.slice(0, 8).join(" "), hex.slice(8).join(" ")].join("  ");
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    rows.push(`${at.toString(16).padStart(8, "0")}  ${halves.padEnd(48)}  |${text}|`);
  }
  return rows.join("\n");
}

export function bytesOf({ body, body_base64 }: { body?: string | null; body_base64?: string | null }): Uint8Array {
  if (body_base64 != null) return Uint8Array.from(atob(body_base64), (one) => one.charCodeAt(0));
  return new TextEncoder().encode(body ?? "");
}

/** A text as it reads best: JSON is indented. */
export function readable(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}
