// One trace with what is precomputed over it.

class Run {
  constructor(data) {
    if (!data.view) throw new Error("xenexplore: a trace without its words; render.web.view_data makes both");
    this.data = data;
    this.steps = data.steps;
    this.cites = data.cites;
    this.view = data.view;
    this.vocabulary = data.view.words.map((words) => new Words(words));
    this.unit = data.view.unit;
    this.worth = new Set(data.view.worth);
    const n = (this.length = data.steps.length);
    this.end = new Int32Array(n);
    for (let i = n - 1; i >= 0; i--) {
      if (this.end[i] <= i) this.end[i] = i + 1;
      const parent = data.steps[i].parent;
      if (parent >= 0 && this.end[parent] < this.end[i]) this.end[parent] = this.end[i];
    }
    this.chunkLists = new Map();
    this.rowLists = new Map();
    this.childLists = new Map();
    this.checkpoints = [new Folded(data.view.counters.length)];
    // Part of a session: what was registered before it.
    for (const step of data.registered || []) this.checkpoints[0].takeTlb(step, -1);
    this.now = this.checkpoints[0].copy();
    this.last = this.foldAt(n - 1).copy();
  }
  words(index) {
    return this.vocabulary[this.view.word[index]];
  }
  // What a line of time calls a step, and the steps inside it.
  line(index) {
    const [short, bracket] = this.view.lines[this.view.line[index]];
    return { short, bracket };
  }
  // What a step adds to the counts, as [counter, value].
  deltas(index) {
    return this.view.deltas[this.view.delta[index]];
  }
  notes(index) {
    return this.view.notes[this.view.note[index]].map((at) => this.view.texts[at]);
  }
  link(index) {
    return this.view.links[this.steps[index].cite] || "";
  }
  // The folded state at a step: onwards from where we are, or from the nearest checkpoint.
  foldAt(index) {
    let from = this.now;
    const nearest = this.checkpoints[Math.min(Math.floor((index + 1) / EVERY), this.checkpoints.length - 1)];
    if (from.at > index || from.at < nearest.at) from = nearest.copy();
    for (let i = from.at + 1; i <= index; i++) {
      from.take(this, i);
      if ((i + 1) % EVERY === 0 && (i + 1) / EVERY === this.checkpoints.length) this.checkpoints.push(from.copy());
    }
    this.now = from;
    return from;
  }
  ancestors(index) {
    const found = [];
    for (let at = this.steps[index].parent; at >= 0; at = this.steps[at].parent) found.unshift(at);
    return found;
  }
  children(index) {
    if (!this.childLists.has(index)) {
      if (this.childLists.size > 64) this.childLists.clear();
      const found = [];
      for (let at = index + 1, end = index < 0 ? this.length : this.end[index]; at < end; at = this.end[at]) found.push(at);
      this.childLists.set(index, found);
    }
    return this.childLists.get(index);
  }
  hasChildren(index) {
    return this.end[index] > index + 1;
  }
  // The nearest landmark before or after a step.
  landmark(index, way) {
    const { stops } = this.view;
    if (way > 0) return stops.find((at) => at > index) ?? this.length - 1;
    for (let k = stops.length - 1; k >= 0; k--) if (stops[k] < index) return stops[k];
    return 0;
  }
  rows(unit) {
    if (!this.rowLists.has(unit)) {
      if (this.rowLists.size > 64) this.rowLists.clear();
      this.rowLists.set(unit, rowsOf(this, unit));
    }
    return this.rowLists.get(unit);
  }
  chunks(unit) {
    if (!this.chunkLists.has(unit)) {
      if (this.chunkLists.size > 64) this.chunkLists.clear();
      this.chunkLists.set(unit, chunksOf(this, unit));
    }
    return this.chunkLists.get(unit);
  }
  cite(index) {
    return this.cites[this.steps[index].cite] || "";
  }
}
