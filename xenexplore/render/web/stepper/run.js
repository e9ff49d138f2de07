// One trace with what is precomputed over it.

const UNITS_OF = new Set(["action", "hypercall", "phase", "copy"]);
const LANDMARKS = new Set(["action", "hypercall", "copy"]);

// One trace with what is precomputed over it: subtree ends, units, checkpoints.
class Run {
  constructor(data) {
    this.data = data;
    this.steps = data.steps;
    this.cites = data.cites;
    const n = (this.length = data.steps.length);
    this.end = new Int32Array(n);
    this.unit = new Int32Array(n);
    this.inSetup = new Uint8Array(n);
    this.walkBegins = new Uint8Array(n);
    this.landmarks = [];
    for (let i = n - 1; i >= 0; i--) {
      if (this.end[i] <= i) this.end[i] = i + 1;
      const parent = data.steps[i].parent;
      if (parent >= 0 && this.end[parent] < this.end[i]) this.end[parent] = this.end[i];
    }
    const walked = new Set();
    for (let i = 0; i < n; i++) {
      const step = data.steps[i];
      const parent = step.parent;
      const stands = UNITS_OF.has(step.kind) && this.end[i] > i + 1;
      this.unit[i] = stands ? i : parent >= 0 ? this.unit[parent] : -1;
      if (parent >= 0)
        this.inSetup[i] = this.inSetup[parent] || (data.steps[parent].kind === "phase" && data.steps[parent].name === "setup") ? 1 : 0;
      if ((step.kind === "pte-read" || (step.kind === "fault" && step.linear && parent >= 0)) && !walked.has(parent)) {
        walked.add(parent);
        this.walkBegins[i] = 1;
      }
      if (LANDMARKS.has(step.kind)) this.landmarks.push(i);
    }
    this.chunkLists = new Map();
    this.rowLists = new Map();
    this.childLists = new Map();
    this.checkpoints = [new Folded()];
    this.now = new Folded();
    this.last = this.foldAt(n - 1).copy();
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
    if (way > 0) return this.landmarks.find((at) => at > index) ?? this.length - 1;
    for (let k = this.landmarks.length - 1; k >= 0; k--) if (this.landmarks[k] < index) return this.landmarks[k];
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
