// The stepper: one recorded trace in linked views; keys, pointer, play and folding.

import { Bubble, Legend } from "./explain.js";
import { focusOf } from "./focus.js";
import { clicked, keepKeys, keyPressed } from "./keys.js";
import { Linked } from "./linked.js";
import { MachineMap } from "./machine.js";
import { MapView } from "./map_view.js";
import { Marks } from "./marks.js";
import { stageHtml } from "./markup.js";
import { PathView } from "./path_view.js";
import { Rows } from "./rows_view.js";
import { Run } from "./run.js";
import { Says } from "./says.js";
import { Search } from "./search.js";
import { Share } from "./share.js";
import { TablesView } from "./tables_view.js";
import { Timeline } from "./timeline.js";
import { Tour } from "./tour.js";
import { WholeTab } from "./whole_tab.js";

let instances = 0;
// From which width (px) there is room for wide columns, and from which two stand side by side.
const WIDE = 1360,
  MIDDLE = 640;

// What is looked up once in the markup, by class.
const BY_CLASS =
  "count mapbox readout where chunks drawn rows tablelist say cite worth worthhead line scrub ticks this".split(
    " ",
  );

export class Stepper extends Linked {
  /**
   * @param {HTMLElement} el
   * @param {import("./types.js").Shown} data
   * @param {import("./types.js").Options} options
   */
  constructor(el, data, options = {}) {
    super();
    this.run = new Run(data);
    this.options = options;
    this.machine = new MachineMap(data.machine, data.steps);
    this.uid = `xe${(instances += 1)}`;
    this.index = -1;
    this.folds = new Map(); // step -> folded by hand (true) or unfolded (false)
    this.timer = 0;
    this.frame = 0; // the next frame, once something was drawn for it
    this.behind = false; // something was not drawn, because it has a frame to wait for
    this.rate = 2;
    this.tall = 0; // of its content, in px, as its width; 0: not laid out yet
    this.onScreen = false;
    const { width = 0, sizes = { map: 360, height: 440, line: 900, path: 660 } } = options.place ?? {};
    this.width = width;
    this.sizes = sizes;
    this.says = new Says(this);
    this.rows = new Rows(this);
    this.tables = new TablesView(this);
    this.map = new MapView(this);
    this.path = new PathView(this);
    this.timeline = new Timeline(this);
    this.hasTables = this.run.last.tables.size > 0 || data.steps.some((s) => s.kind.startsWith("tlb-"));
    this.root = document.createElement("div");
    this.root.className = "xe";
    this.build();
    if (width) this.fit();
    el.append(this.root);
    this.listen();
    this.go(Math.min(Math.max(0, options.step ?? 0), this.run.length - 1), true);
  }
  build() {
    const { root } = this,
      { data } = this.run;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Stepper: ${data.scenario.title}, ${data.option.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.innerHTML = stageHtml(this);
    this.parts = Object.fromEntries(BY_CLASS.map((name) => [name, root.querySelector(`.xe-${name}`)]));
    this.range = /** @type {HTMLInputElement} */ (root.querySelector("input[type=range]"));
    this.finder = /** @type {HTMLInputElement} */ (root.querySelector("input[type=search]"));
    this.findings = root.querySelector(".xe-find output");
    this.parts.sofar = root.querySelector(".xe-sofar tbody");
  }
  listen() {
    const { root } = this;
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(root, "keydown", (event) => keyPressed(this, event));
    on(root, "focusin", keepKeys);
    on(root, "focusin", (event) => {
      if (event.target.matches(".xe-box")) this.hover(event.target);
    });
    on(root, "click", (event) => clicked(this, event));
    on(root, "pointerover", (event) => this.hover(event.target.closest?.("[data-k],[data-t]")));
    on(root, "pointerleave", () => this.hover(null));
    this.bubble = new Bubble(root, this.abort.signal);
    this.legend = new Legend(root, this.run);
    this.tour = new Tour(root);
    this.search = new Search(this.run);
    this.marks = new Marks(this);
    on(this.marks.input, "input", () => this.marks.note(this.marks.input.value));
    this.timeline.ticks();
    on(this.finder, "input", () => this.seek(this.finder.value));
    this.share = new Share(root, this.options, `${this.run.data.scenario.name}-${this.run.data.option.name}`);
    this.share.marks = this.marks;
    this.tab = new WholeTab(root, this.abort.signal);
    on(this.range, "input", () => this.go(Number(this.range.value)));
    on(window, "beforeprint", () => this.rows.drawRows());
    on(root.querySelector("select"), "change", (event) => {
      this.rate = Number(event.target.value);
      if (this.timer) this.play(true);
    });
    // Nothing is measured before the browser says that there is something to measure: it does so
    // when the view is laid out, before it is painted, and not while a notebook skips the cell.
    this.resize = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width),
        tall = Math.round(entry.contentRect.height);
      if ((width === this.width && tall === this.tall) || width <= 0) return;
      const sizes = () => String(Object.values(this.sizes)),
        drawn = this.width && sizes();
      Object.assign(this, { width, tall });
      this.fit();
      this.measure();
      // In the place of an earlier view it was drawn to size at once.
      if (drawn !== sizes()) this.render();
    });
    this.resize.observe(root);
    this.sight = new IntersectionObserver((entries) => {
      this.onScreen = entries[entries.length - 1].isIntersecting;
      if (!this.onScreen) return;
      this.rows.keepInSight();
      // After the frame: until then the notebook may not have ended the skipping of its cell.
      requestAnimationFrame(() => setTimeout(() => this.layOutAnew()));
    });
    this.sight.observe(root);
  }
  // What was drawn in a cell that the browser skips has come up without boxes, its text in the
  // document (Chromium 156, JupyterLab 4.6); taken out and put back, it is laid out as a whole.
  // Once each time that it comes into sight.
  layOutAnew() {
    const { root, parts } = this;
    const drawn = parts.mapbox.firstElementChild;
    if (!this.onScreen || !root.getClientRects().length || !drawn || drawn.getClientRects().length) return;
    const held = root.contains(document.activeElement) ? document.activeElement : null;
    const { parentNode, nextSibling } = root;
    root.remove();
    parentNode.insertBefore(root, nextSibling);
    held?.focus({ preventScroll: true });
    this.rows.keepInSight();
  }
  // The columns that there is room for.  As classes, not by a container query: a size container is
  // styled when it is laid out, and in a cell that the notebook skips (content-visibility) that is
  // not when it is drawn.
  fit() {
    const { classList } = this.root;
    classList.toggle("is-wide", this.width >= WIDE);
    classList.toggle("is-middle", this.width >= MIDDLE && this.width < WIDE);
    classList.toggle("is-narrow", this.width < MIDDLE);
  }
  seek(query) {
    this.search.find(query);
    if (query.trim() && this.search.found.length && !this.search.found.includes(this.index))
      this.go(this.search.from(this.index, 1));
    this.findings.textContent = this.search.status(this.index);
  }
  again(way) {
    const to = this.search.from(this.index, way);
    if (to !== null) this.go(to);
  }
  toMark(way) {
    const to = this.marks.from(this.index, way);
    if (to !== null) this.go(to);
  }
  // What Escape takes away first: the bubble, the legend, what is pinned, the whole tab.
  escape() {
    if (this.bubble.hide()) return;
    if (this.tour.open) this.tour.leave();
    else if (this.legend.open) this.legend.toggle(false);
    else if (this.pinned || this.map.selected !== null) this.unpin();
    else this.tab.set(false);
  }
  destroy() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rows.waiting);
    this.play(false);
    this.tab.set(false);
    this.abort.abort();
    this.resize.disconnect();
    this.sight.disconnect();
    this.root.remove();
  }
  // ---- acting
  step(way) {
    let next = this.index + way;
    // A group folded by hand is stepped over.
    const around = this.run
      .ancestors(Math.min(Math.max(next, 0), this.run.length - 1))
      .find((at) => this.folds.get(at) === true);
    if (around !== undefined) next = way > 0 ? this.run.end[around] : around;
    this.go(next);
  }
  show(step) {
    this.go(step, true);
  }
  go(index, first = false) {
    const to = Math.min(Math.max(0, index), this.run.length - 1);
    if (to === this.index) return;
    this.index = to;
    for (const at of this.run.ancestors(to)) if (this.folds.get(at) === true) this.folds.delete(at);
    this.draw();
    if (!first) this.options.onStep?.(to);
  }
  play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    const button = this.root.querySelector('[data-act="play"]');
    button.setAttribute("aria-pressed", String(on));
    button.setAttribute("aria-label", on ? "Pause" : "Play");
    button.textContent = on ? "❚❚" : "▷";
    this.parts.say.setAttribute("aria-live", on ? "off" : "polite");
    if (!on) return;
    if (this.index >= this.run.length - 1) this.go(0);
    this.timer = setInterval(() => {
      this.step(1);
      if (this.index >= this.run.length - 1) this.play(false);
    }, 1000 / this.rate);
  }
  enter() {
    const step = this.run.steps[this.index];
    const row = this.run.rows(this.run.unit[this.index]).find((r) => r.indices.includes(this.index));
    const entry = row && row.indices.find((i) => this.run.steps[i].kind === "pte-read");
    if (entry !== undefined) this.rows.toggleBits(entry);
    else if (this.run.hasChildren(this.index)) this.fold(this.index);
    else if (step.parent >= 0) this.fold(step.parent);
  }
  fold(index) {
    const folded = this.isFolded(index);
    this.folds.set(index, !folded);
    const inside = index < this.index && this.index < this.run.end[index];
    if (!folded && inside) this.go(index);
    else this.render();
  }
  foldCounts(button) {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    this.root.querySelector(".xe-count-part").classList.toggle("is-folded", !open);
  }
  isFolded(index) {
    return this.folds.get(index) ?? !(index <= this.index && this.index < this.run.end[index]);
  }
  // ---- drawing
  // Sizes are read when they change, not at every step: reading them makes the
  // browser lay the page out there and then.
  measure() {
    const { mapbox, line, drawn } = this.parts;
    this.sizes = {
      map: Math.max(376, Math.min(520, mapbox.clientWidth || 360)),
      height: Math.max(170, mapbox.clientHeight || 300),
      path: Math.max(356, drawn.parentElement.clientWidth || 660),
      line: Math.max(280, line.clientWidth || 900),
    };
  }
  // At once, and of all further steps before the next frame only the last: what a page that is
  // behind its keys would never show costs it nothing.
  draw() {
    this.behind = this.frame !== 0;
    if (this.behind) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.behind) this.draw();
    });
    this.render();
  }
  render() {
    if (this.index < 0) return;
    this.behind = false;
    const { run, index } = this;
    this.state = run.foldAt(index);
    this.focus = focusOf(run, index);
    this.root.dataset.step = String(index);
    const held = this.root.contains(document.activeElement);
    this.says.draw();
    this.path.draw();
    this.rows.draw();
    if (this.hasTables) this.tables.draw();
    this.map.draw();
    this.timeline.draw();
    this.range.value = String(index);
    this.range.setAttribute("aria-valuetext", `step ${index} of ${run.length - 1}: ${run.steps[index].say}`);
    this.findings.textContent = this.search.status(index);
    this.marks.draw();
    this.relight();
    if (this.onScreen) this.rows.keepInSight();
    // What had the focus may have been drawn anew; keys go on working.
    if (held && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }
}
