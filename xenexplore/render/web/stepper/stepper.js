// The stepper: one recorded trace in linked views; keys, pointer, play and folding.

// JupyterLab's single-key shortcuts (a, b, x, d d) look at the focused element itself before its
// ancestors, so the mark on the root is not enough: a button inside would insert and delete cells.
const keepKeys = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");

let instances = 0;
// From which width (px) there is room for wide columns, and from which two stand side by side.
const WIDE = 1360, MIDDLE = 640;

class Stepper extends Linked {
  constructor(el, data, options = {}) {
    super();
    this.run = new Run(data);
    this.options = options;
    this.machine = new MachineMap(data.machine, data.steps);
    this.uid = `xe${(instances += 1)}`;
    this.index = -1;
    this.folds = new Map(); // step -> folded by hand (true) or unfolded (false)
    this.timer = 0;
    this.rate = 2;
    this.width = 0; // of its content, in px; 0: not laid out yet
    this.onScreen = false;
    this.sizes = { map: 360, height: 440, line: 900, path: 660 };
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
    el.append(this.root);
    this.listen();
    this.go(Math.min(Math.max(0, options.step ?? 0), this.run.length - 1), true);
  }
  build() {
    const { data, uid } = { data: this.run.data, uid: this.uid };
    const root = this.root;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Stepper: ${data.scenario.title}, ${data.option.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    root.innerHTML = stageHtml(this, data, uid);
    const find = (name) => root.querySelector(`.xe-${name}`);
    this.parts = Object.fromEntries(["count", "mapbox", "readout", "where", "chunks", "drawn", "rows", "tablelist", "say", "cite", "worth", "worthhead", "line", "scrub", "ticks", "this"].map((n) => [n, find(n)]));
    this.range = root.querySelector("input[type=range]");
    this.finder = root.querySelector("input[type=search]");
    this.findings = root.querySelector(".xe-find output");
    this.parts.sofar = root.querySelector(".xe-sofar tbody");
    this.timeline.ticks();
  }
  listen() {
    const { root } = this;
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(root, "keydown", (event) => this.key(event));
    on(root, "focusin", keepKeys);
    on(root, "focusin", (event) => { if (event.target.matches(".xe-box")) this.hover(event.target); });
    on(root, "click", (event) => this.click(event));
    on(root, "pointerover", (event) => this.hover(event.target.closest?.("[data-k],[data-t]")));
    on(root, "pointerleave", () => this.hover(null));
    this.bubble = new Bubble(root, this.abort.signal);
    this.legend = new Legend(root, this.run);
    this.tour = new Tour(root);
    this.search = new Search(this.run);
    on(this.finder, "input", () => this.seek(this.finder.value));
    this.share = new Share(root, this.options, `${this.run.data.scenario.name}-${this.run.data.option.name}`);
    this.tab = new WholeTab(root, this.abort.signal);
    on(this.range, "input", () => this.go(Number(this.range.value)));
    on(root.querySelector("select"), "change", (event) => {
      this.rate = Number(event.target.value);
      if (this.timer) this.play(true);
    });
    // Nothing is measured before the browser says that there is something to measure: it does so
    // when the view is laid out, before it is painted, and not while a notebook skips the cell.
    this.resize = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width), tall = Math.round(entry.contentRect.height);
      if ((width === this.width && tall === this.tall) || width <= 0) return;
      Object.assign(this, { width, tall });
      this.fit();
      this.measure();
      this.render();
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
    if (query.trim() && this.search.found.length && !this.search.found.includes(this.index)) this.go(this.search.from(this.index, 1));
    this.findings.textContent = this.search.status(this.index);
  }
  again(way) {
    const to = this.search.from(this.index, way);
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
    this.play(false);
    this.tab.set(false);
    this.abort.abort();
    this.resize.disconnect();
    this.sight.disconnect();
    this.root.remove();
  }
  // ---- acting
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const tag = target.tagName;
    if (tag === "SELECT") return;
    if (target === this.finder) {
      if (event.key === "Enter") this.again(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.root.focus({ preventScroll: true });
      event.stopPropagation();
      return;
    }
    if (this.legend.box.contains(target) && event.key !== "Escape" && event.key !== "?") {
      event.stopPropagation();
      return;
    }
    const control = tag === "BUTTON" || tag === "SUMMARY";
    const act = {
      ArrowRight: () => this.step(1), j: () => this.step(1), ArrowLeft: () => this.step(-1), k: () => this.step(-1),
      Home: () => this.go(0), End: () => this.go(this.run.length - 1),
      PageDown: () => this.go(this.run.landmark(this.index, 1)), PageUp: () => this.go(this.run.landmark(this.index, -1)),
      " ": control ? null : () => this.play(!this.timer),
      Enter: control && !target.matches(".xe-row") ? null : () => (target.matches(".xe-box") ? this.go(Number(target.dataset.go)) : this.enter()),
      "+": () => this.map.setZoom(this.map.zoom + 1), "=": () => this.map.setZoom(this.map.zoom + 1), "-": () => this.map.setZoom(this.map.zoom - 1), 0: () => this.map.setZoom(0),
      Escape: this.tab.on || this.tour.open || this.legend.open || !this.bubble.box.hidden || this.pinned || this.map.selected !== null ? () => this.escape() : null,
      "?": () => this.legend.toggle(), "/": () => this.finder.focus(), n: () => this.again(1), N: () => this.again(-1),
      t: () => (this.tour.open ? this.tour.leave() : this.tour.begin()),
      r: () => this.path.set(!this.path.drawn),
      f: this.options.embedded ? null : () => this.tab.set(!this.tab.on),
      ArrowDown: target === this.parts.mapbox ? () => this.map.cycle(1) : null, ArrowUp: target === this.parts.mapbox ? () => this.map.cycle(-1) : null,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
  click(event) {
    const act = event.target.closest("[data-act]");
    const go = event.target.closest("[data-go]");
    if (act) {
      const kind = act.dataset.act;
      if (kind === "prev") this.step(-1);
      else if (kind === "next") this.step(1);
      else if (kind === "play") this.play(!this.timer);
      else if (kind === "zoom") this.map.setZoom(Number(act.dataset.zoom));
      else if (kind === "as") this.path.set(act.dataset.as === "drawn");
      else if (kind === "bits") this.rows.toggleBits(Number(act.dataset.at));
      else if (kind === "table") this.tables.toggle(act);
      else if (kind === "fold") this.fold(Number(act.dataset.at));
      else if (kind === "share") this.share.give(act.dataset.kind);
      else if (kind === "full") this.tab.set(!this.tab.on);
      else if (kind === "tour") {
        this.legend.toggle(false);
        this.tour.begin();
      } else if (kind === "tournext") this.tour.go(this.tour.at + 1);
      else if (kind === "tourback") this.tour.go(this.tour.at - 1);
      else if (kind === "tourleave") this.tour.leave();
      else if (kind === "legend") this.legend.toggle();
      else if (kind === "counts") this.foldCounts(act);
    } else if (go) {
      this.go(Number(go.dataset.go));
    } else this.pick(event.target.closest(".xe-mapsvg [data-k],.xe-mapsvg [data-t],[data-k]"));
  }
  step(way) {
    let next = this.index + way;
    // A group folded by hand is stepped over.
    const around = this.run.ancestors(Math.min(Math.max(next, 0), this.run.length - 1)).find((at) => this.folds.get(at) === true);
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
    this.render();
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
    const byHand = this.folds.get(index);
    if (byHand !== undefined) return byHand;
    return !(index <= this.index && this.index < this.run.end[index]);
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
  render() {
    if (this.index < 0) return;
    const { run, index } = this;
    this.state = run.foldAt(index);
    this.focus = focusOf(run, index);
    this.root.dataset.step = index;
    const held = this.root.contains(document.activeElement);
    this.says.draw();
    this.path.draw();
    this.rows.draw();
    if (this.hasTables) this.tables.draw();
    this.map.draw();
    this.timeline.draw();
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `step ${index} of ${run.length - 1}: ${run.steps[index].say}`);
    this.findings.textContent = this.search.status(index);
    this.relight();
    if (this.onScreen) this.rows.keepInSight();
    // What had the focus may have been drawn anew; keys go on working.
    if (held && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }
}
