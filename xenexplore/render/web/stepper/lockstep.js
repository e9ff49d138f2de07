// One time for several runs.

// Where runs wait for each other: a step, and a key that is comparable between options that do
// different things in between (aligned_steps.py).
const waitsOf = (run) => run.view.waits.map(([at, key]) => ({ at, key }));
export function before(a, b) {
  const at = a.findIndex((value, k) => value !== b[k]);
  return at >= 0 && a[at] < b[at];
}

// One time for several runs: between two waits each goes on step by step, and those
// that have fewer steps to do wait for the others.
export class Lockstep {
  constructor(runs) {
    const waits = runs.map(waitsOf);
    const keys = new Map();
    waits.forEach((list) => list.forEach(({ key }) => keys.set(key.join("."), key)));
    const sorted = [...keys.values()].sort((a, b) => (before(a, b) ? -1 : 1));
    const next = runs.map(() => 0);
    this.beats = [];
    let time = 0;
    for (const key of sorted) {
      const parts = runs.map((run, r) => {
        const list = waits[r],
          k = next[r];
        if (k < list.length && list[k].key.join(".") === key.join(".")) {
          next[r] += 1;
          const end = k + 1 < list.length ? list[k + 1].at : run.length;
          return { from: list[k].at, length: end - list[k].at };
        }
        return { from: k < list.length ? list[k].at : run.length, length: 0 };
      });
      const length = Math.max(...parts.map((part) => part.length));
      if (length) this.beats.push({ time, length, parts });
      time += length;
    }
    this.length = time;
  }
  at(time) {
    let low = 0,
      high = this.beats.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.beats[middle].time <= time) low = middle;
      else high = middle - 1;
    }
    const beat = this.beats[low],
      offset = time - beat.time;
    return beat.parts.map(({ from, length }) => ({
      index: Math.max(0, length ? from + Math.min(offset, length - 1) : from - 1),
      waits: offset >= length,
    }));
  }
  timeOf(run, index) {
    const beat = this.beats.find(
      ({ parts }) => parts[run].length && parts[run].from <= index && index < parts[run].from + parts[run].length,
    );
    return beat ? beat.time + index - beat.parts[run].from : 0;
  }
}
