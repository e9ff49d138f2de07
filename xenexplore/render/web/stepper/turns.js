// At which step a view stands, agreed on with the kernel and with other views of the same run.
//
// What travels is a position: `step`; `turn`, how often the kernel has said where to stand (a
// step that it set, another run); and who went there since, `by`, for the `seq`-th time.  A view
// is the authority over its own steps: what comes back of them is old by then.  The kernel's word
// ends a turn, and what was still on its way from the turn before is dropped at both ends.

// ms.  Steps that follow each other, as by key repeat and play, are told when they rest, and now
// and then: a message is three more from the kernel, at all of which JupyterLab measures its toolbars.
const TOLD_AFTER = 150,
  TOLD_EVERY = 2000;

export class Turns {
  // `obey(step)`: stand at a step that somebody else has gone to.
  constructor(model, obey) {
    this.model = model;
    this.obey = obey;
    this.me = Math.random().toString(36).slice(2);
    this.seen = new Map(); // by whom -> the last of their steps in this turn
    this.pending = 0;
    this.since = 0; // when the first of them was
    this.heard = () => this.hear();
    this.begin();
    model.on("change:position", this.heard);
  }
  // Stand where the model says: another run, or a view that has just been opened.
  begin() {
    this.forget();
    this.now = this.model.get("position");
    this.seen.clear();
    if (this.now.by) this.seen.set(this.now.by, this.now.seq);
  }
  go(step) {
    const { turn } = this.now;
    const seq = (this.seen.get(this.me) ?? 0) + 1;
    this.seen.set(this.me, seq);
    this.now = { turn, step, by: this.me, seq };
    this.model.set("position", this.now);
    const now = performance.now();
    if (!this.pending) this.since = now;
    else if (now > this.since + TOLD_EVERY) return;
    clearTimeout(this.pending);
    this.pending = setTimeout(() => {
      this.pending = 0;
      this.model.save_changes();
    }, TOLD_AFTER);
  }
  hear() {
    const told = this.model.get("position");
    if (told === this.now) return;
    const news = told.by
      ? told.turn === this.now.turn && told.seq > (this.seen.get(told.by) ?? 0)
      : told.turn > this.now.turn;
    if (!news) {
      this.model.set("position", this.now); // else it would be saved in place of this
      return;
    }
    this.now = told;
    if (told.by) this.seen.set(told.by, told.seq);
    else {
      this.forget();
      this.seen.clear();
    }
    this.obey(told.step);
  }
  // A step that was not saved is about what stood there before.
  forget() {
    clearTimeout(this.pending);
    this.pending = 0;
  }
  end() {
    this.forget();
    this.model.off("change:position", this.heard);
  }
}
