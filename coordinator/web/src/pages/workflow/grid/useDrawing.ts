import { type RefObject, useCallback, useLayoutEffect, useMemo, useRef, useState } from "react";

import { useAppearance } from "~/settings/appearance";

import { type Paint, type Scene, type Sizes, type View, draw, paintOf } from "./draw";
import { spritesOf } from "./sprites";

/** Draws at most once an animation frame: on scroll, on new data, on another size, theme or density. */
export function useDrawing(scroller: RefObject<HTMLDivElement | null>, scene: Scene, sizes: Sizes) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const view = useRef<View>({ width: 0, height: 0, ratio: 1, left: 0, top: 0 });
  const scheme = useAppearance();
  const [ratio, setRatio] = useState(globalThis.devicePixelRatio);
  const paint = useMemo(() => ({ scheme, ratio, sizes, of: null as Paint | null }), [scheme, ratio, sizes]);
  const latest = useRef({ scene, sizes, paint });
  const frame = useRef(0);
  const redraw = useCallback(() => {
    if (frame.current !== 0) return;
    frame.current = requestAnimationFrame(() => {
      frame.current = 0;
      const context = canvas.current?.getContext("2d", { alpha: false });
      const { scene: now, sizes: size, paint: kept } = latest.current;
      if (!context || view.current.width === 0) return;
      // Tokens are read when the theme is on the page: a frame after it was chosen.
      kept.of ??= paintOf(spritesOf(size.column, size.row, view.current.ratio));
      draw(context, now, size, view.current, kept.of);
    });
  }, []);
  useLayoutEffect(() => {
    latest.current = { scene, sizes, paint };
    redraw();
  });
  useLayoutEffect(() => {
    const element = scroller.current;
    const target = canvas.current;
    if (!element || !target) return;
    const measure = () => {
      const width = element.clientWidth;
      const height = element.clientHeight;
      const dots = globalThis.devicePixelRatio;
      view.current = { width, height, ratio: dots, left: element.scrollLeft, top: element.scrollTop };
      target.width = Math.round(width * dots);
      target.height = Math.round(height * dots);
      target.style.width = `${width}px`;
      target.style.height = `${height}px`;
      setRatio(dots);
      redraw();
    };
    const onScroll = () => {
      view.current = { ...view.current, left: element.scrollLeft, top: element.scrollTop };
      redraw();
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
      cancelAnimationFrame(frame.current);
      frame.current = 0;
    };
  }, [scroller, redraw]);
  return { canvas, view, redraw };
}
