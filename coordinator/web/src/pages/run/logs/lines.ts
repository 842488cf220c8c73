import type { Schemas } from "~/api/client";
import { type Style, stretchesOf } from "~/ui/sgr";

import { LEVELS, type Level } from "../search";

type LogView = Schemas["LogView"];
type LogPage = Schemas["LogPage"];

export interface LogFilter {
  node?: string | undefined;
  item?: number | undefined;
  level?: Level | undefined;
}

/** Where a page of lines lies: as the API asks it. */
export type Place = { before: number } | { around: number } | { offset: number };

export type ReadPage = (place: Place, limit: number) => Promise<LogPage>;

export const PAGE = 500;
const RETRY_MS = 2000;
const END = Number.MAX_SAFE_INTEGER;

/**
 * The lines of a run that fit a filter, by number. Only what was in sight is held; what the stream tells is put behind
 * the end. The end that was read says which of those lines were in it already.
 */
export class LogLines {
  #filter: LogFilter;
  #read: ReadPage;
  #held: (LogView | undefined)[] = [];
  #asked = new Set<number>();
  #early: LogView[] | null = [];
  #listeners = new Set<() => void>();
  #generation = 0;
  #last = 0;
  /** How many lines there are. */
  total = 0;
  opened = false;
  error: unknown = null;
  version = 0;

  constructor(filter: LogFilter, read: ReadPage) {
    this.#filter = filter;
    this.#read = read;
  }

  /** Position of the last line that fits; 0 when there is none. */
  get last(): number {
    return this.#last;
  }

  at(index: number): LogView | undefined {
    return this.#held[index];
  }

  /** The number of a line that is held, or of the first held one behind it. */
  find(position: number): number | undefined {
    let behind: number | undefined;
    this.#held.some((line, index) => {
      if (line === undefined || line.position < position) return false;
      behind = index;
      return true;
    });
    return behind;
  }

  /** Reads the end, and what lies around a line. */
  async open(position?: number): Promise<void> {
    const generation = this.#reset();
    try {
      const [end, around] = await Promise.all([this.#read({ before: END }, PAGE), position === undefined ? null : this.#read({ around: position }, PAGE)]);
      if (generation !== this.#generation) return;
      this.#keep(end);
      if (around) this.#keep(around);
      this.total = end.offset + end.lines.length;
      this.#last = end.lines.at(-1)?.position ?? 0;
      this.opened = true;
      const early = this.#early ?? [];
      this.#early = null;
      this.hear(early);
      this.#tell();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.error = error;
      this.#tell();
    }
  }

  /** Sees to it that a page around a position is held. */
  async reach(position: number): Promise<number | undefined> {
    const found = this.find(position);
    if (found !== undefined && this.#held[found]?.position === position) return found;
    const generation = this.#generation;
    const page = await this.#read({ around: position }, PAGE);
    if (generation !== this.#generation) return undefined;
    this.#keep(page);
    this.#tell();
    return this.find(position);
  }

  /** Sees to it that lines with these numbers are held. */
  need(from: number, upto: number): void {
    if (!this.opened) return;
    for (let page = Math.floor(from / PAGE); page * PAGE <= Math.min(upto, this.total - 1); page += 1) {
      if (!this.#asked.has(page) && this.#lacks(page, from, upto)) void this.#fetch(page);
    }
  }

  /** Takes what the stream told. */
  hear(lines: readonly LogView[]): void {
    if (this.#early !== null) {
      this.#early.push(...lines);
      return;
    }
    let heard = false;
    for (const one of lines) {
      if (one.position <= this.#last || !fits(one.line, this.#filter)) continue;
      this.#held[this.total] = one;
      this.total += 1;
      this.#last = one.position;
      heard = true;
    }
    if (heard) this.#tell();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  close(): void {
    this.#generation += 1;
  }

  async #fetch(page: number): Promise<void> {
    const generation = this.#generation;
    this.#asked.add(page);
    try {
      const found = await this.#read({ offset: page * PAGE }, PAGE);
      if (generation !== this.#generation) return;
      this.#keep(found);
      this.#asked.delete(page);
    } catch {
      // Whoever looks at the gap asks again, but not at once.
      setTimeout(() => {
        this.#asked.delete(page);
        this.#tell();
      }, RETRY_MS);
      return;
    }
    this.#tell();
  }

  #lacks(page: number, from: number, upto: number): boolean {
    const end = Math.min((page + 1) * PAGE - 1, upto, this.total - 1);
    for (let index = Math.max(from, page * PAGE); index <= end; index += 1) if (this.#held[index] === undefined) return true;
    return false;
  }

  #keep(page: LogPage): void {
    for (const [index, line] of page.lines.entries()) this.#held[page.offset + index] = line;
  }

  #reset(): number {
    this.#generation += 1;
    this.#held = [];
    this.#asked.clear();
    this.#early = [];
    this.#last = 0;
    this.total = 0;
    this.opened = false;
    this.error = null;
    this.#tell();
    return this.#generation;
  }

  #tell(): void {
    this.version += 1;
    for (const listener of this.#listeners) listener();
  }
}

/** The API's filter, said again for lines that the stream tells. */
export function fits(line: Schemas["LogLine"], filter: LogFilter): boolean {
  return (
    (filter.node === undefined || line.node === filter.node) &&
    (filter.item === undefined || line.item === filter.item) &&
    (filter.level === undefined || rank(line.level) >= LEVELS.indexOf(filter.level))
  );
}

function rank(level: string): number {
  const found = (LEVELS as readonly string[]).indexOf(level);
  return found < 0 ? LEVELS.indexOf("info") : found;
}

export interface Part {
  /** Where in the text it begins. */
  at: number;
  text: string;
  found: boolean;
}

/** Cuts a text where it contains another one, whatever the case of ASCII letters. */
export function cut(text: string, q: string): Part[] {
  const [where, what] = [lower(text), lower(q)];
  const parts: Part[] = [];
  let from = 0;
  const add = (upto: number, found: boolean) => {
    if (upto > from) parts.push({ at: from, text: text.slice(from, upto), found });
    from = upto;
  };
  for (let at = what ? where.indexOf(what) : -1; at >= 0; at = where.indexOf(what, from)) {
    add(at, false);
    add(at + what.length, true);
  }
  add(text.length, false);
  return parts;
}

export interface Piece extends Part {
  style: Style;
}

/** A line as it is shown: cut where its style changes, and where a text was found in it. */
export function piecesOf(message: string, q: string): Piece[] {
  const stretches = stretchesOf(message);
  if (!q) return stretches.map((stretch) => ({ ...stretch, found: false }));
  const pieces: Piece[] = [];
  for (const { at, text, found } of cut(stretches.map((one) => one.text).join(""), q)) {
    for (const stretch of stretches) {
      const [from, upto] = [Math.max(at, stretch.at), Math.min(at + text.length, stretch.at + stretch.text.length)];
      if (from < upto) pieces.push({ at: from, text: stretch.text.slice(from - stretch.at, upto - stretch.at), found, style: stretch.style });
    }
  }
  return pieces;
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
