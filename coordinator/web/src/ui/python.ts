/** Enough of Python's grammar to colour it: what stands on each line, as stretches of one kind. */

export type Kind = "plain" | "keyword" | "string" | "comment" | "number" | "decorator" | "defined";

export interface Stretch {
  /** Where it begins in the text. */
  at: number;
  kind: Kind;
  text: string;
}

export interface Line {
  at: number;
  stretches: Stretch[];
}

const KEYWORDS = new Set(
  "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield True False None".split(" "),
);
const TOKEN = /(?<comment>#[^\n]*)|(?<string>[rRbBuUfF]{0,2}(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|(?<decorator>(?<=^|\n)[ \t]*@[\w.]+)|(?<number>\b\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?\b)|(?<word>[A-Za-z_]\w*)|(?<other>[\s\S])/g;

export function linesOf(source: string): Line[] {
  let line: Line = { at: 0, stretches: [] };
  const lines = [line];
  let before = "";
  for (const { groups, index, 0: text } of source.matchAll(TOKEN)) {
    const kind = kindOf(groups ?? {}, before);
    if (text.trim() !== "") before = text;
    let at = index;
    for (const [number, part] of text.split("\n").entries()) {
      if (number > 0) {
        at += 1;
        line = { at, stretches: [] };
        lines.push(line);
      }
      put(line.stretches, { at, kind, text: part });
      at += part.length;
    }
  }
  if (line.stretches.length === 0 && lines.length > 1) lines.pop();
  return lines;
}

function kindOf(groups: Record<string, string | undefined>, before: string): Kind {
  if (groups["word"] !== undefined) return KEYWORDS.has(groups["word"]) ? "keyword" : before === "def" || before === "class" ? "defined" : "plain";
  for (const kind of ["comment", "string", "decorator", "number"] as const) if (groups[kind] !== undefined) return kind;
  return "plain";
}

function put(line: Stretch[], next: Stretch): void {
  if (next.text === "") return;
  const last = line.at(-1);
  if (last?.kind === next.kind) last.text += next.text;
  else line.push(next);
}
