import { type AnyState, lookOf } from "~/design/states";

/** Cells as small pictures, one for each state: a colour and a shape of its own, drawn once and then copied. */
export type Sprites = ReadonlyMap<AnyState, CanvasImageSource>;

const STATES: readonly AnyState[] = ["waiting", "ready", "dispatched", "retrying", "mapping", "collecting", "succeeded", "failed", "cancelled", "upstream_failed", "running"];

export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function spritesOf(width: number, height: number, ratio: number): Sprites {
  const panel = colour("panel");
  return new Map(
    STATES.map((state) => {
      const canvas = document.createElement("canvas");
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const context = canvas.getContext("2d");
      if (context) {
        context.scale(ratio, ratio);
        paint(context, state, colour(`state-${lookOf(state).hue}`), panel, width, height);
      }
      return [state, canvas] as const;
    }),
  );
}

/** Ended well and badly are filled; what moves is tinted; what never ran is an outline. */
function paint(context: CanvasRenderingContext2D, state: AnyState, hue: string, panel: string, width: number, height: number): void {
  const [x, y, w, h] = [1.5, 1.5, width - 3, height - 3];
  const filled = state === "succeeded" || state === "failed";
  context.beginPath();
  context.roundRect(x, y, w, h, 3);
  context.fillStyle = hue;
  context.strokeStyle = hue;
  context.lineWidth = 1;
  if (filled) {
    context.fill();
  } else {
    context.globalAlpha = state === "waiting" || state === "upstream_failed" ? 0.06 : 0.2;
    context.fill();
    context.globalAlpha = state === "waiting" ? 0.45 : 0.9;
    if (state === "waiting" || state === "upstream_failed") context.setLineDash([2, 2]);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
  }
  context.strokeStyle = filled ? panel : hue;
  context.fillStyle = context.strokeStyle;
  context.lineWidth = 1.5;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.translate(width / 2, height / 2);
  const size = Math.min(w, h) / 16;
  context.scale(size, size);
  context.lineWidth = 1.7 / size;
  glyph(context, state);
}

/** In a square of 16, around its middle: the shapes of `StateIcon`, at the size of a cell. */
function glyph(context: CanvasRenderingContext2D, state: AnyState): void {
  context.beginPath();
  switch (state) {
    case "succeeded":
      line(context, -3.5, 0.3, -1, 2.8, 3.7, -2.7);
      break;
    case "failed":
      line(context, -3, -3, 3, 3);
      line(context, 3, -3, -3, 3);
      break;
    case "cancelled":
      line(context, -3.5, 3.5, 3.5, -3.5);
      break;
    case "retrying":
      context.arc(0, 0, 3.6, -0.4, Math.PI * 1.35);
      line(context, 3.8, -4.6, 3.8, -1.3, 0.6, -1.3);
      break;
    case "mapping":
      line(context, -3.5, 0, 3.5, 0);
      line(context, 0, -3.5, 0, 3.5);
      break;
    case "collecting":
      line(context, -3.5, -2.5, 0, 0.5, 3.5, -2.5);
      line(context, 0, 0.5, 0, 3.8);
      break;
    case "upstream_failed":
      line(context, -4, 0, 1.5, 0);
      line(context, -0.8, -2.5, 1.7, 0, -0.8, 2.5);
      line(context, 4, -3.2, 4, 3.2);
      break;
    case "ready":
      context.arc(0, 0, 1.6, 0, Math.PI * 2);
      context.fill();
      return;
    case "running":
    case "dispatched":
      context.arc(0, 0, 2.6, 0, Math.PI * 2);
      context.fill();
      return;
    default:
      return;
  }
  context.stroke();
}

function line(context: CanvasRenderingContext2D, ...points: number[]): void {
  context.moveTo(points[0] ?? 0, points[1] ?? 0);
  for (let at = 2; at < points.length; at += 2) context.lineTo(points[at] ?? 0, points[at + 1] ?? 0);
}
