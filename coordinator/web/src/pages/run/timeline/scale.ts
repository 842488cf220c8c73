/** Stretches of time, in microseconds. */
export interface Stretch {
  fromUs: number;
  toUs: number;
}

/** An idle stretch, and how long it is drawn. */
export interface Fold extends Stretch {
  drawnUs: number;
}

const LEAST_IDLE_US = 5_000_000;
/** Idle is what takes more than this part of the whole, and is drawn as this part of what is busy. */
const IDLE_PART = 0.12;
const DRAWN_PART = 0.04;

/** Where nothing waits in a queue and nothing runs for a good part of the time. */
export function idleOf(busy: readonly Stretch[], whole: Stretch): Fold[] {
  const long = Math.max(LEAST_IDLE_US, (whole.toUs - whole.fromUs) * IDLE_PART);
  const idle: Stretch[] = [];
  let upto = whole.fromUs;
  for (const { fromUs, toUs } of [...busy].sort((one, other) => one.fromUs - other.fromUs)) {
    if (fromUs - upto > long) idle.push({ fromUs: upto, toUs: fromUs });
    upto = Math.max(upto, toUs);
  }
  if (whole.toUs - upto > long) idle.push({ fromUs: upto, toUs: whole.toUs });
  const idleUs = idle.reduce((sum, one) => sum + one.toUs - one.fromUs, 0);
  const drawnUs = Math.max(1, (whole.toUs - whole.fromUs - idleUs) * DRAWN_PART);
  return idle.map((one) => ({ ...one, drawnUs: Math.min(drawnUs, one.toUs - one.fromUs) }));
}

/** Where a time is drawn, when idle stretches are folded: a line that grows slower inside of them. */
export class Scale {
  #whole: Stretch;
  #folds: readonly Fold[];

  constructor(whole: Stretch, folds: readonly Fold[]) {
    this.#whole = whole;
    this.#folds = folds;
  }

  get length(): number {
    return this.place(this.#whole.toUs);
  }

  place(us: number): number {
    let place = us - this.#whole.fromUs;
    for (const fold of this.#folds) {
      const inside = Math.min(us, fold.toUs) - fold.fromUs;
      if (inside <= 0) break;
      place -= inside * (1 - fold.drawnUs / (fold.toUs - fold.fromUs));
    }
    return place;
  }

  time(place: number): number {
    let us = this.#whole.fromUs + place;
    for (const fold of this.#folds) {
      if (us <= fold.fromUs) break;
      const length = fold.toUs - fold.fromUs;
      us = us <= fold.fromUs + fold.drawnUs ? fold.fromUs + ((us - fold.fromUs) * length) / fold.drawnUs : us + length - fold.drawnUs;
    }
    return us;
  }
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3, 3600e3, 7200e3, 21600e3, 43200e3, 86400e3].map((ms) => ms * 1000);

/** Round times of the axis, counted from `originUs`; about `count` of them, none inside of a fold. */
export function ticksOf(scale: Scale, folds: readonly Fold[], view: Stretch, originUs: number, count: number): number[] {
  const drawn = scale.place(view.toUs) - scale.place(view.fromUs);
  const step = STEPS.find((one) => one >= drawn / count) ?? Math.ceil(drawn / count / 86_400e6) * 86_400e6;
  const ticks: number[] = [];
  const gap = (drawn / count) * 0.5;
  for (let us = originUs + Math.ceil((view.fromUs - originUs) / step) * step; us <= view.toUs; us += step) {
    const fold = folds.find((one) => us > one.fromUs && us < one.toUs);
    if (fold) us = originUs + Math.floor((fold.toUs - originUs) / step) * step;
    else if (ticks.length === 0 || scale.place(us) - scale.place(ticks.at(-1) ?? 0) > gap) ticks.push(us);
  }
  return ticks;
}

/** A view zoomed about a place, or moved; within the whole, and never shorter than a millisecond. */
export function zoomed(scale: Scale, whole: Stretch, view: Stretch, factor: number, at = 0.5, shift = 0): Stretch {
  const [from, to] = [scale.place(view.fromUs), scale.place(view.toUs)];
  const length = Math.min(scale.length, Math.max(1000, (to - from) * factor));
  const begin = Math.min(Math.max(0, from + (to - from - length) * at + (to - from) * shift), scale.length - length);
  return { fromUs: Math.max(whole.fromUs, scale.time(begin)), toUs: Math.min(whole.toUs, scale.time(begin + length)) };
}
