/** Slots for attempts. Who waits for one is served by rank, 0 first. */
export class Slots {
  #free;
  #waiting = [];

  constructor(size) {
    this.size = this.#free = size;
  }

  /** Resolves to a function that gives the slot back. */
  async take(rank) {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((granted) => this.#waiting.push({ rank, granted }));
    let taken = true;
    return () => {
      if (!taken) return;
      taken = false;
      this.#waiting.sort((one, other) => one.rank - other.rank);
      const next = this.#waiting.shift();
      if (next) next.granted();
      else this.#free += 1;
    };
  }
}
