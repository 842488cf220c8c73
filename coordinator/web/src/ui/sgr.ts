/** A terminal's text in a page: colours and weight (SGR) as styles, every other control character as an escape. */

export type Colour = "red" | "green" | "yellow" | "blue" | "magenta" | "cyan";

export interface Style {
  colour?: Colour | undefined;
  bold?: boolean | undefined;
  dim?: boolean | undefined;
  italic?: boolean | undefined;
  underline?: boolean | undefined;
}

export interface Stretch {
  /** Where in the text that is shown it begins. */
  at: number;
  text: string;
  style: Style;
}

// C0 but tab and newline, DEL, C1, separators of lines, and marks that turn the direction of text.
// eslint-disable-next-line no-control-regex
const HIDDEN = /\u001B\[([\d;:]*)m|[\u0000-\u0008\u000B-\u001F\u007F-\u009F\u200E\u200F\u2028-\u202E\u2066-\u2069]/g;
// Black and white are what the page's text is already.
const NAMED: readonly (Colour | undefined)[] = [undefined, "red", "green", "yellow", "blue", "magenta", "cyan", undefined];
const SECTORS: readonly Colour[] = ["red", "yellow", "green", "cyan", "blue", "magenta"];
const GREY = 40;

/** The text in stretches of one style each. */
export function stretchesOf(text: string): Stretch[] {
  const stretches: Stretch[] = [];
  let [from, shown, style]: [number, number, Style] = [0, 0, {}];
  let open = "";
  const close = () => {
    if (open) stretches.push({ at: shown, text: open, style });
    shown += open.length;
    open = "";
  };
  for (const found of text.matchAll(HIDDEN)) {
    open += text.slice(from, found.index);
    from = found.index + found[0].length;
    if (found[1] === undefined) open += escaped(found[0]);
    else {
      close();
      style = styled(style, found[1]);
    }
  }
  open += text.slice(from);
  close();
  return stretches;
}

/** What is read: the text without styles. */
export function readable(text: string): string {
  return text.replace(HIDDEN, (found, codes?: string) => (codes === undefined ? escaped(found) : ""));
}

function escaped(character: string): string {
  if (character === "\r") return "\\r";
  const code = character.codePointAt(0) ?? 0;
  return code < 0x1_00 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** The style after the codes of one sequence, as ECMA-48 8.3.117 and xterm's palettes have them. */
function styled(before: Style, sequence: string): Style {
  const codes = sequence.split(/[;:]/).map(Number);
  let style = { ...before };
  while (codes.length > 0) {
    const code = codes.shift() ?? 0;
    if (code === 0) style = {};
    else if (code === 1) style.bold = true;
    else if (code === 2) style.dim = true;
    else if (code === 3) style.italic = true;
    else if (code === 4) style.underline = true;
    else if (code === 22) style = { ...style, bold: undefined, dim: undefined };
    else if (code === 23) style.italic = undefined;
    else if (code === 24) style.underline = undefined;
    else if (code >= 30 && code <= 37) style.colour = NAMED[code - 30];
    else if (code >= 90 && code <= 97) style.colour = NAMED[code - 90];
    else if (code === 39) style.colour = undefined;
    else if (code === 38) style.colour = extended(codes);
    else if (code === 48) extended(codes);
  }
  return style;
}

/** `5;n` of 256 colours, or `2;r;g;b`; its codes are taken. */
function extended(codes: number[]): Colour | undefined {
  if (codes.shift() === 2) return nearest(codes.shift() ?? 0, codes.shift() ?? 0, codes.shift() ?? 0);
  const n = codes.shift() ?? 0;
  if (n < 16) return NAMED[n % 8];
  if (n > 231) return undefined;
  const level = (value: number) => (value === 0 ? 0 : value * 40 + 55);
  const [red, green, blue] = [Math.floor((n - 16) / 36), Math.floor((n - 16) / 6) % 6, (n - 16) % 6].map(level);
  return nearest(red ?? 0, green ?? 0, blue ?? 0);
}

/** One of the six hues, which are legible on both themes; none for a grey. */
function nearest(red: number, green: number, blue: number): Colour | undefined {
  const [high, low] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  const spread = high - low;
  if (spread < GREY) return undefined;
  const turn = high === red ? (green - blue) / spread : high === green ? 2 + (blue - red) / spread : 4 + (red - green) / spread;
  return SECTORS[(Math.round(turn) + 6) % 6];
}
