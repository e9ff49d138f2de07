// Several options side by side, in lockstep or at their ends.

import { Bubble } from "./explain.js";
import { comparisonHtml } from "./comparison_markup.js";
import { glyph } from "./glyphs.js";
import { keepKeys } from "./keys.js";
import { Lockstep } from "./lockstep.js";
import { esc } from "./numbers.js";
import { Run } from "./run.js";
import { Share } from "./share.js";
import { Stepper } from "./stepper.js";
import { Why } from "./why.js";

const BAND = 4; // options side by side on paper

export class Comparison {
  /**
   * @param {HTMLElement} el
   * @param {import("./types.js").Compared} data
   * @param {import("./types.js").Options} options
   */
  constructor(el, data, options = {}) {
    this.data = data;
    this.options = options;
    this.runs = data.traces.map((trace) => new Run(trace));
    this.lockstep = new Lockstep(this.runs);
    /** @type {[at: number, name: string][]} */
    const all = this.runs[0].view.counters.map((name, at) => [at, name]);
    this.used = all.filter(([at]) => this.runs.some((run) => run.last.calls(at) || run.last.once(at)));
    this.most = this.used.map(([at]) => Math.max(1, ...this.runs.map((run) => run.last.calls(at))));
    this.time = 0;
    this.chosen = 0;
    this.ends = true;
    this.root = document.createElement("div");
    this.root.className = `xe xe-comparison${options.folded ? " is-folded" : ""}`;
    this.build();
    el.append(this.root);
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(this.root, "keydown", (event) => this.key(event));
    on(this.root, "focusin", keepKeys);
    on(this.root, "click", (event) => this.click(event));
    this.share = new Share(this.root, options, `${data.scenario.name}-comparison`);
    this.bubble = new Bubble(this.root, this.abort.signal);
    on(this.range, "input", () => this.go(Number(this.range.value)));
    on(window, "beforeprint", () => this.layOutForPaper());
    on(window, "afterprint", () => this.bands.replaceChildren());
    this.detail = null;
    this.show(options.step ?? -1);
    this.mark(0);
  }
  // Only the verdict was on show: now everything.
  unfold() {
    this.root.classList.remove("is-folded");
    this.root.focus({ preventScroll: true });
  }
  // The common time, or -1 where all are at their ends.
  show(step) {
    if (step < 0) this.setEnds(true);
    else this.go(step, true);
  }
  build() {
    const { root } = this;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Comparison: ${this.data.scenario.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.innerHTML = comparisonHtml(this);
    this.range = root.querySelector("input");
    this.nowRow = /** @type {HTMLElement} */ (root.querySelector(".xe-nowrow"));
    this.outcomeCells = [...root.querySelectorAll(".xe-outcomerow td")];
    this.why = new Why(this, root.querySelector(".xe-why"));
    this.bands = root.querySelector(".xe-bands");
    this.sheet = /** @type {HTMLTableElement} */ (root.querySelector(".xe-sheet table"));
    this.nowCells = [...this.nowRow.querySelectorAll("td")];
    this.countCells = [...root.querySelectorAll(".xe-crow:has(.xe-num)")].map((tr) => [
      ...tr.querySelectorAll("td"),
    ]);
    this.live = root.querySelector(".xe-body > .xe-sr");
  }
  // A page is not wide enough for many columns: the same table in bands of a few options each.
  layOutForPaper() {
    const bands = [];
    for (let from = 1; from <= this.runs.length; from += BAND) {
      const band = /** @type {HTMLTableElement} */ (this.sheet.cloneNode(true));
      for (const row of band.rows)
        [...row.cells].forEach((cell, k) => {
          if (k && (k < from || k >= from + BAND)) cell.remove();
        });
      bands.push(band);
    }
    this.bands.replaceChildren(...bands);
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const act = {
      ArrowRight: () => this.step(1),
      j: () => this.step(1),
      ArrowLeft: () => this.step(-1),
      k: () => this.step(-1),
      Escape: !this.bubble.box.hidden ? () => this.bubble.hide() : this.why.open ? () => this.why.close() : null,
      Home: () => this.go(0),
      End: () => this.go(this.lockstep.length - 1),
      PageDown: () => this.go(this.beat(1)),
      PageUp: () => this.go(this.beat(-1)),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
  // Forwards from their ends is the beginning, backwards the last common step.
  step(way) {
    if (!this.ends) this.go(this.time + way);
    else this.go(way > 0 ? 0 : this.lockstep.length - 1);
  }
  beat(way) {
    const { beats, length } = this.lockstep;
    const time = !this.ends ? this.time : way > 0 ? -1 : length;
    if (way > 0) return (beats.find((b) => b.time > time) || { time: length - 1 }).time;
    return ([...beats].reverse().find((b) => b.time < time) || { time: 0 }).time;
  }
  click(event) {
    const act = event.target.closest("[data-act]");
    if (!act || this.root.querySelector(".xe-detail").contains(act)) return;
    const at = Number(act.dataset.at);
    if (act.dataset.act === "prev") this.step(-1);
    else if (act.dataset.act === "next") this.step(1);
    else if (act.dataset.act === "choose") this.choose(at);
    else if (act.dataset.act === "detail" && this.detail) this.close();
    else if (act.dataset.act === "detail") this.choose(this.chosen);
    else if (act.dataset.act === "why") this.why.show(Number(act.dataset.count), at);
    else if (act.dataset.act === "whyclose") this.why.close();
    else if (act.dataset.act === "whygo") this.goTo(at, Number(act.dataset.step));
    else if (act.dataset.act === "unfold") this.unfold();
    else if (act.dataset.act === "share") this.share.give(act.dataset.kind);
    else if (act.dataset.act === "same")
      act.setAttribute("aria-expanded", String(this.root.classList.toggle("has-equal")));
    else if (act.dataset.act === "mode") {
      this.setEnds(act.dataset.ends === "1");
      this.options.onStep?.(this.ends ? -1 : this.time);
    } else if (act.dataset.act === "difference") {
      const { other } = this.data.options[at].difference;
      this.goTo(at, other ?? this.runs[at].length - 1);
    }
  }
  // To a step of one option, the others where they are by then.
  goTo(at, step) {
    this.go(this.lockstep.timeOf(at, step));
    this.choose(at);
  }
  setEnds(ends, fromDetail = false) {
    this.ends = ends;
    this.root
      .querySelectorAll('[data-act="mode"]')
      .forEach((b) => b.setAttribute("aria-pressed", String((b.dataset.ends === "1") === ends)));
    this.draw();
    if (!fromDetail) this.detail?.go(this.detailStep(this.chosen), true);
  }
  // Of a run at its end, its most telling step is what is worth a look.
  detailStep(at) {
    return this.ends ? this.data.opens[at] : this.positions[at].index;
  }
  // The option whose stepper is open, or would be.
  mark(at) {
    this.chosen = at;
    this.root
      .querySelectorAll('[data-act="choose"]')
      .forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.at) === at)));
    for (const { cells } of this.sheet.rows)
      [...cells].forEach((cell, k) => cell.classList.toggle("is-chosen", k === at + 1));
    const { ident, label } = this.data.options[at].option;
    const button = this.root.querySelector(".xe-stepthrough");
    button.innerHTML = `Step through <b>${esc(ident)}</b> ${esc(label)}`;
    button.setAttribute("aria-expanded", String(this.detail !== null));
  }
  close() {
    this.detail.destroy();
    this.detail = null;
    this.mark(this.chosen);
  }
  // Its stepper is opened when it is asked for.
  choose(at) {
    this.detail?.destroy();
    this.detail = new Stepper(this.root.querySelector(".xe-detail"), this.data.traces[at], {
      step: this.detailStep(at),
      embedded: true,
      onStep: (step) => this.go(this.lockstep.timeOf(this.chosen, step), false, true),
    });
    this.mark(at);
  }
  go(time, first = false, fromDetail = false) {
    const to = Math.min(Math.max(0, time), this.lockstep.length - 1);
    if (to === this.time && !this.ends) return;
    this.time = to;
    if (this.ends) this.setEnds(false, fromDetail);
    else {
      this.draw();
      if (!fromDetail) this.detail?.go(this.positions[this.chosen].index, true);
    }
    if (!first) this.options.onStep?.(to);
  }
  draw() {
    this.positions = this.ends
      ? this.runs.map((run) => ({ index: run.length - 1, waits: false }))
      : this.lockstep.at(this.time);
    this.root.dataset.step = String(this.ends ? -1 : this.time);
    this.range.value = String(this.ends ? this.lockstep.length - 1 : this.time);
    this.range.setAttribute(
      "aria-valuetext",
      this.ends ? "all at their ends" : `step ${this.time} of ${this.lockstep.length - 1}`,
    );
    this.nowRow.hidden = this.ends;
    this.root.querySelector(".xe-outcomerow th").textContent = this.ends ? "outcome" : "outcome so far";
    this.outcomeCells.forEach((cell, k) => this.drawOutcome(cell, k));
    this.root.querySelector(".xe-count").innerHTML = this.ends
      ? ""
      : `step <b>${this.time}</b> / ${this.lockstep.length - 1}`;
    const folded = this.runs.map((run, k) => run.foldAt(this.positions[k].index));
    this.positions.forEach(({ index, waits }, k) => {
      const step = this.runs[k].steps[index];
      const found = this.runs[k].words(index);
      const over = index === this.runs[k].length - 1 && (waits || this.ends);
      const html =
        `<span class="xe-cellhead">${glyph(step, waits ? "is-ahead" : "is-now")} <b>${found.label}</b> ` +
        `<small>${over ? "over" : waits ? "waits" : index}</small></span>` +
        `<span class="xe-cellmain">${found.html.main}` +
        `</span>${found.bad ? `<span class="xe-cellbad">${found.html.side}</span>` : ""}`;
      const cell = this.nowCells[k];
      cell.classList.toggle("is-waiting", waits);
      if (cell.xeHtml !== html) cell.innerHTML = cell.xeHtml = html;
    });
    this.used.forEach(([at], r) =>
      folded.forEach((state, k) => {
        const cell = this.countCells[r][k];
        const once = state.once(at),
          calls = state.calls(at);
        const text = `${calls.toLocaleString("en")}${once ? ` + ${once.toLocaleString("en")} once` : ""}`;
        const [span, svg] = cell.children;
        if (span.textContent !== text) {
          span.textContent = text;
          svg.firstElementChild.setAttribute("d", `M0 1.5H${((calls / this.most[r]) * 100).toFixed(1)}`);
        }
        const more = calls - folded[0].calls(at);
        span.dataset.delta = k && more ? `${more > 0 ? "+" : "−"}${Math.abs(more).toLocaleString("en")}` : "";
        cell.classList.toggle("is-other", k > 0 && calls !== folded[0].calls(at));
      }),
    );
    this.live.textContent = this.ends
      ? "All options at their ends."
      : `Step ${this.time}. ${this.runs[this.chosen].steps[this.positions[this.chosen].index].say}`;
  }
  // At its end a run's verdict; before, what its steps have come to.
  drawOutcome(cell, k) {
    const moments = this.data.moments[k];
    const { status: end } = this.data.options[k].outcome;
    const [, mark, word, status] = this.ends
      ? [0, ...this.runs[k].view.status, end]
      : moments.findLast(([from]) => from <= this.positions[k].index);
    cell.className = `xe-status-${status}${k === this.chosen ? " is-chosen" : ""}`;
    cell.classList.toggle("is-moment", !this.ends);
    cell.querySelector(".xe-verdictword").innerHTML = `<span aria-hidden="true">${mark}</span> ${word}`;
  }
  destroy() {
    this.abort.abort();
    this.detail?.destroy();
    this.root.remove();
  }
}
