import type { NodeState } from "~/design/states";
import { lookOf } from "~/design/states";
import { duration } from "~/time/format";

import type { Column } from "./model";
import { type Sprites, colour } from "./sprites";

/** Room behind the last column and row. */
export const EDGE = 4;

/** Sizes of a grid's parts, in CSS pixels. */
export interface Sizes {
  label: number;
  head: number;
  column: number;
  row: number;
}

/** A place in the grid; row -1 is the run itself. */
export interface Spot {
  column: number;
  row: number;
}

export interface Scene {
  columns: readonly Column[];
  /** Index of each row's node in a column's states. */
  rows: readonly number[];
  nodes: readonly string[];
  usualMs: readonly (number | null)[];
  /** Cells in other states are faint; null shows all. */
  lit: ReadonlySet<NodeState> | null;
  hover: Spot | null;
}

export interface View {
  width: number;
  height: number;
  ratio: number;
  left: number;
  top: number;
}

export interface Paint {
  sprites: Sprites;
  page: string;
  text: string;
  muted: string;
  line: string;
  hover: string;
  hues: ReadonlyMap<string, string>;
  sans: string;
}

export function paintOf(sprites: Sprites): Paint {
  const hues = ["running", "succeeded", "failed", "retrying", "waiting", "cancelled"];
  return {
    sprites,
    page: colour("page"),
    text: colour("text"),
    muted: colour("muted"),
    line: colour("line"),
    hover: colour("hover"),
    hues: new Map(hues.map((hue) => [hue, colour(`state-${hue}`)])),
    sans: getComputedStyle(document.body).fontFamily,
  };
}

/** Which columns and rows are in sight. */
export function inSight(scene: Pick<Scene, "columns" | "rows">, sizes: Sizes, view: View) {
  const firstColumn = Math.max(0, Math.floor(view.left / sizes.column));
  const lastColumn = Math.min(scene.columns.length - 1, Math.floor((view.left + view.width - sizes.label) / sizes.column));
  const firstRow = Math.max(0, Math.floor(view.top / sizes.row));
  const lastRow = Math.min(scene.rows.length - 1, Math.floor((view.top + view.height - sizes.head) / sizes.row));
  return { firstColumn, lastColumn, firstRow, lastRow };
}

/** Draws what is in sight, whole: a thousand small copies take about a millisecond. */
export function draw(context: CanvasRenderingContext2D, scene: Scene, sizes: Sizes, view: View, paint: Paint): void {
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = paint.page;
  context.fillRect(0, 0, view.width, view.height);
  drawCells(context, scene, sizes, view, paint);
  drawHead(context, scene, sizes, view, paint);
  drawLabels(context, scene, sizes, view, paint);
}

function drawCells(context: CanvasRenderingContext2D, scene: Scene, sizes: Sizes, view: View, paint: Paint): void {
  const { firstColumn, lastColumn, firstRow, lastRow } = inSight(scene, sizes, view);
  const { hover } = scene;
  if (hover) {
    context.fillStyle = paint.hover;
    context.fillRect(sizes.label + hover.column * sizes.column - view.left, sizes.head, sizes.column, scene.rows.length * sizes.row - view.top);
    if (hover.row >= 0) context.fillRect(sizes.label, sizes.head + hover.row * sizes.row - view.top, scene.columns.length * sizes.column - view.left, sizes.row);
  }
  for (let at = firstColumn; at <= lastColumn; at += 1) {
    const column = scene.columns[at];
    if (!column) continue;
    const x = sizes.label + at * sizes.column - view.left;
    if (at > 0 && scene.columns[at - 1]?.run.version !== column.run.version) {
      context.fillStyle = paint.muted;
      context.fillRect(Math.round(x) - 0.5, sizes.head, 1, Math.min(view.height, scene.rows.length * sizes.row));
    }
    for (let row = firstRow; row <= lastRow; row += 1) {
      const state = column.states[scene.rows[row] ?? -1];
      const sprite = state && paint.sprites.get(state);
      if (!sprite) continue;
      const faint = scene.lit !== null && !scene.lit.has(state);
      if (faint) context.globalAlpha = 0.18;
      context.drawImage(sprite, x, sizes.head + row * sizes.row - view.top, sizes.column, sizes.row);
      if (faint) context.globalAlpha = 1;
    }
  }
}

/** A bar for each run, as high as it took long, and its state below. */
function drawHead(context: CanvasRenderingContext2D, scene: Scene, sizes: Sizes, view: View, paint: Paint): void {
  context.fillStyle = paint.page;
  context.fillRect(0, 0, view.width, sizes.head);
  const { firstColumn, lastColumn } = inSight(scene, sizes, view);
  const most = longest(scene.columns);
  const room = sizes.head - sizes.column - 12;
  for (let at = firstColumn; at <= lastColumn; at += 1) {
    const column = scene.columns[at];
    if (!column) continue;
    const x = sizes.label + at * sizes.column - view.left;
    const { state, duration_s } = column.run;
    if (scene.hover?.column === at) {
      context.fillStyle = paint.hover;
      context.fillRect(x, 0, sizes.column, sizes.head);
    }
    const height = Math.max(2, Math.round(room * Math.min(1, duration_s / most)));
    context.fillStyle = paint.hues.get(lookOf(state).hue) ?? paint.muted;
    context.fillRect(x + 3, 8 + room - height, sizes.column - 6, height);
    const sprite = paint.sprites.get(state);
    if (sprite) context.drawImage(sprite, x, sizes.head - sizes.column - 2, sizes.column, sizes.column);
  }
  context.fillStyle = paint.line;
  context.fillRect(0, sizes.head - 1, view.width, 1);
}

/** The bar that is full: what all but the slowest twentieth stay below, so that one outlier does not flatten the others. */
export function longest(columns: readonly Column[]): number {
  const times = columns.map((column) => column.run.duration_s).sort((a, b) => a - b);
  return Math.max(0.001, times[Math.floor((times.length - 1) * 0.95)] ?? 0);
}

/** Names of nodes, and a bar for how long each usually takes. */
function drawLabels(context: CanvasRenderingContext2D, scene: Scene, sizes: Sizes, view: View, paint: Paint): void {
  const { firstRow, lastRow } = inSight(scene, sizes, view);
  context.fillStyle = paint.page;
  context.fillRect(0, sizes.head, sizes.label, view.height);
  context.save();
  context.beginPath();
  context.rect(0, sizes.head, sizes.label, view.height);
  context.clip();
  context.textBaseline = "middle";
  const most = Math.max(1, ...scene.usualMs.map((one) => one ?? 0));
  const bars = sizes.label > 170 ? 64 : 0;
  for (let row = firstRow; row <= lastRow; row += 1) {
    const at = scene.rows[row] ?? -1;
    const y = sizes.head + row * sizes.row - view.top;
    if (scene.hover?.row === row) {
      context.fillStyle = paint.hover;
      context.fillRect(0, y, sizes.label, sizes.row);
    }
    context.fillStyle = paint.text;
    context.font = `12px ${paint.sans}`;
    context.textAlign = "left";
    context.fillText(shortened(context, scene.nodes[at] ?? "", sizes.label - 28 - (bars ? bars + 6 : 0)), 20, y + sizes.row / 2);
    const usual = scene.usualMs[at] ?? null;
    if (usual === null || bars === 0) continue;
    context.fillStyle = paint.line;
    const width = Math.max(1, (bars * usual) / most);
    context.fillRect(sizes.label - 10 - width, y + 4, width, sizes.row - 8);
    context.fillStyle = paint.muted;
    context.font = `10.5px ${paint.sans}`;
    context.textAlign = "right";
    context.fillText(duration(usual * 1000), sizes.label - 13, y + sizes.row / 2);
  }
  context.restore();
  // The corner stays over both.
  context.fillStyle = paint.page;
  context.fillRect(0, 0, sizes.label, sizes.head - 1);
  context.fillStyle = paint.line;
  context.fillRect(sizes.label - 1, 0, 1, view.height);
  context.fillStyle = paint.muted;
  context.font = `11px ${paint.sans}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText("Duration of the run", 20, 16);
  context.fillText("State of the run", 20, sizes.head - sizes.column / 2 - 2);
}

const widths = new Map<string, string>();

function shortened(context: CanvasRenderingContext2D, text: string, room: number): string {
  const key = `${room} ${context.font} ${text}`;
  const found = widths.get(key);
  if (found !== undefined) return found;
  let short = text;
  while (short.length > 1 && context.measureText(short === text ? text : `${short}…`).width > room) short = short.slice(0, -1);
  const written = short === text ? text : `${short}…`;
  if (widths.size > 5000) widths.clear();
  widths.set(key, written);
  return written;
}
