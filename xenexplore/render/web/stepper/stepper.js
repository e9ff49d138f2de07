// The stepper: one recorded trace in linked views; keys, pointer, play and folding.

// JupyterLab's single-key shortcuts (a, b, x, d d) look at the focused element itself before its
// ancestors, so the mark on the root is not enough: a button inside would insert and delete cells.
const keepKeys = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");

let instances = 0;
const KEYS = "← → step · PgUp PgDn copy or call · Home End · space play · Enter bits or fold · + − zoom";
// From which width (px) three columns stand side by side, and from which two.
const WIDE = 1120, MIDDLE = 850;
const STATUS = { right: ["✓", "right"], wrong: ["✕", "wrong bytes"], error: ["!", "error"], refused: ["–", "refused"] };

// The Python that shows the same, where whoever mounts the view gives it.
const python = (lines) => (lines ? `<div class="xe-python"><p>The Python that shows this:</p><pre>${esc(lines)}</pre></div>` : "");

class Stepper {
  constructor(el, data, options = {}) {
    this.run = new Run(data);
    this.options = options;
    this.machine = new MachineMap(data.machine, data.steps);
    this.uid = `xe${(instances += 1)}`;
    this.index = -1;
    this.lit = ""; // what is pointed at, as keys
    this.pinned = ""; // what was picked, as keys
    this.pinnedText = "";
    this.folds = new Map(); // step -> folded by hand (true) or unfolded (false)
    this.timer = 0;
    this.rate = 2;
    this.width = 0; // of its content, in px; 0: not laid out yet
    this.onScreen = false;
    this.sizes = { map: 360, height: 440, line: 900 };
    this.says = new Says(this);
    this.rows = new Rows(this);
    this.tables = new TablesView(this);
    this.map = new MapView(this);
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
    const [mark, word] = STATUS[data.outcome.status] || ["", data.outcome.status];
    const guest = data.machine.guest;
    const about = [guest.type.toUpperCase(), guest.kernel, size(guest.memory), plural(guest.vcpus, "vCPU"), guest.encryption === "none" ? "" : `encrypted (${guest.encryption})`].filter(Boolean).join(" · ");
    const given = Object.entries(data.option.given).map(([k, v]) => `${k} = ${Array.isArray(v) ? v.join(", ") : v}`).join(" · ");
    const tail = [data.scenario.question.join(", "), data.scenario.asked && `asked by ${data.scenario.asked}`].filter(Boolean).join(" · ");
    root.innerHTML = `<div class="xe-body">
<header class="xe-head">${this.options.embedded ? "" : `<h2>${esc(data.scenario.title)}</h2>`}<p class="xe-option"><b>${esc(data.option.ident)}</b> ${esc(data.option.title)}${given ? ` <small>${esc(given)}</small>` : ""}</p>
<p class="xe-right"><span class="xe-status xe-status-${data.outcome.status}"><span aria-hidden="true">${mark}</span> ${word}</span><span class="xe-count" aria-hidden="true"></span></p></header>
<details class="xe-about"><summary>${esc(about)}</summary>${this.options.embedded ? "" : paragraphs(data.scenario.text) + paragraphs(tail)}${!this.options.embedded && data.scenario.ours ? paragraphs(`Ours, not said by a reviewer: ${data.scenario.ours}`) : ""}${python(this.options.python)}<p>${esc(KEYS)}</p></details>
<div class="xe-views">
<section class="xe-map" aria-labelledby="${uid}-h1"><div class="xe-sectionhead"><h3 id="${uid}-h1">Where the buffer lives</h3><span class="xe-zoom" role="group" aria-label="Zoom">${ZOOMS.map((z, at) => `<button type="button" data-act="zoom" data-zoom="${at}" aria-pressed="${at === 0}">${z}</button>`).join("")}</span></div><div class="xe-mapbox" tabindex="0" role="group" aria-label="Address spaces; up and down select"></div><p class="xe-readout" aria-live="polite"></p></section>
<section class="xe-path" aria-labelledby="${uid}-h2"><div class="xe-sectionhead"><h3 id="${uid}-h2">How Xen gets there</h3><span class="xe-where"></span></div><div class="xe-chunks"></div><ol class="xe-rows"></ol>
<div class="xe-tables-view"${this.hasTables ? "" : " hidden"}><h3>Registered buffers</h3><div class="xe-tablelist"></div></div></section>
<section class="xe-this" aria-labelledby="${uid}-h3"><div class="xe-now-part"><div class="xe-sectionhead"><h3 id="${uid}-h3">This step</h3></div><p class="xe-say" aria-live="polite" aria-atomic="true"></p><p class="xe-cite"></p></div><div class="xe-count-part"><h3>So far</h3>${this.says.html()}</div><div class="xe-worth-part"><div class="xe-sectionhead"><h3 class="xe-worthhead">Worth noticing</h3></div><ul class="xe-worth"></ul></div></section></div>
<div class="xe-time"><div class="xe-line" role="group" aria-label="Line of time"></div>
<div class="xe-controls"><button type="button" data-act="prev" aria-label="Previous step">‹</button><button type="button" data-act="play" aria-label="Play" aria-pressed="false">▷</button><button type="button" data-act="next" aria-label="Next step">›</button>
<div class="xe-scrub"><svg class="xe-ticks" aria-hidden="true" preserveAspectRatio="none"></svg><input type="range" min="0" max="${this.run.length - 1}" step="1" value="0" aria-label="Step"></div>
<label class="xe-rate"><span class="xe-sr">Speed</span><select>${[1, 2, 5, 20].map((r) => `<option value="${r}"${r === 2 ? " selected" : ""}>${r}/s</option>`).join("")}</select></label></div></div></div>`;
    const find = (name) => root.querySelector(`.xe-${name}`);
    this.parts = Object.fromEntries(["count", "mapbox", "readout", "where", "chunks", "rows", "tablelist", "say", "cite", "worth", "worthhead", "line", "scrub", "ticks", "views", "map"].map((n) => [n, find(n)]));
    this.range = root.querySelector("input[type=range]");
    this.parts.sofar = root.querySelector(".xe-sofar tbody");
    this.timeline.ticks();
  }
  listen() {
    const { root } = this;
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(root, "keydown", (event) => this.key(event));
    on(root, "focusin", keepKeys);
    on(root, "click", (event) => this.click(event));
    on(root, "pointerover", (event) => this.hover(event.target.closest?.("[data-k],[data-t]")));
    on(root, "pointerleave", () => this.hover(null));
    on(this.range, "input", () => this.go(Number(this.range.value)));
    on(root.querySelector("select"), "change", (event) => {
      this.rate = Number(event.target.value);
      if (this.timer) this.play(true);
    });
    // Nothing is measured before the browser says that there is something to measure: it does so
    // when the view is laid out, before it is painted, and not while a notebook skips the cell.
    this.resize = new ResizeObserver(([entry]) => {
      const width = Math.round(entry.contentRect.width);
      if (width === this.width || width <= 0) return;
      this.width = width;
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
    const drawn = parts.rows.firstElementChild;
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
  destroy() {
    this.play(false);
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
    const control = tag === "BUTTON" || tag === "SUMMARY";
    const act = {
      ArrowRight: () => this.step(1), j: () => this.step(1), ArrowLeft: () => this.step(-1), k: () => this.step(-1),
      Home: () => this.go(0), End: () => this.go(this.run.length - 1),
      PageDown: () => this.go(this.run.landmark(this.index, 1)), PageUp: () => this.go(this.run.landmark(this.index, -1)),
      " ": control ? null : () => this.play(!this.timer),
      Enter: control && !target.matches(".xe-row") ? null : () => this.enter(),
      "+": () => this.map.setZoom(this.map.zoom + 1), "=": () => this.map.setZoom(this.map.zoom + 1), "-": () => this.map.setZoom(this.map.zoom - 1), 0: () => this.map.setZoom(0),
      Escape: this.pinned || this.map.selected !== null ? () => this.unpin() : null,
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
      else if (kind === "bits") this.rows.toggleBits(Number(act.dataset.at));
      else if (kind === "table") this.tables.toggle(act);
      else if (kind === "fold") this.fold(Number(act.dataset.at));
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
  isFolded(index) {
    const byHand = this.folds.get(index);
    if (byHand !== undefined) return byHand;
    return !(index <= this.index && this.index < this.run.end[index]);
  }
  // ---- linking the views
  hover(target) {
    const keys = target?.dataset.k || "";
    if (keys !== this.lit) this.light(keys);
    if (target?.dataset.t || !target) this.readout(target?.dataset.t || this.pinnedText);
  }
  light(keys) {
    this.lit = keys;
    for (const old of this.root.querySelectorAll(".is-lit")) old.classList.remove("is-lit");
    for (const key of new Set(`${keys} ${this.pinned}`.split(" ").filter(Boolean)))
      for (const found of this.root.querySelectorAll(`[data-k~="${CSS.escape(key)}"]`)) found.classList.add("is-lit");
  }
  // After something was drawn anew.
  relight() {
    if (this.pinned || this.lit) this.light(this.lit);
  }
  pick(target) {
    if (!target) return;
    const keys = target.dataset.k || "";
    const again = keys && keys === this.pinned;
    this.pinned = again ? "" : keys;
    this.pinnedText = again ? "" : target.dataset.t || "";
    this.map.selected = target.dataset.va && !again ? BigInt(`0x${target.dataset.va}`) : null;
    this.map.draw();
    this.light(this.lit);
    this.readout(this.pinnedText);
  }
  unpin() {
    this.pinned = this.lit = "";
    this.pinnedText = "";
    this.map.selected = null;
    this.map.draw();
    this.light("");
    this.readout("");
  }
  readout(text) {
    if (this.parts.readout.textContent !== text) this.parts.readout.textContent = text;
  }
  // ---- drawing
  // Sizes are read when they change, not at every step: reading them makes the
  // browser lay the page out there and then.
  measure() {
    const { mapbox, line } = this.parts;
    this.sizes = {
      map: Math.max(352, Math.min(520, mapbox.clientWidth || 360)),
      height: mapbox.clientHeight > 200 ? mapbox.clientHeight : 440,
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
    this.rows.draw();
    if (this.hasTables) this.tables.draw();
    this.map.draw();
    this.timeline.draw();
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `step ${index} of ${run.length - 1}: ${run.steps[index].say}`);
    this.relight();
    if (this.onScreen) this.rows.keepInSight();
    // What had the focus may have been drawn anew; keys go on working.
    if (held && !this.root.contains(document.activeElement)) this.root.focus({ preventScroll: true });
  }
}
