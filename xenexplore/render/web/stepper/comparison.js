// Several options side by side, in lockstep or at their ends.

const BAND = 4; // options side by side on paper

class Comparison {
  constructor(el, data, options = {}) {
    this.data = data;
    this.options = options;
    this.runs = data.traces.map((trace) => new Run(trace));
    this.lockstep = new Lockstep(this.runs);
    this.used = this.runs[0].view.counters.map((name, at) => [at, name]).filter(([at]) => this.runs.some((run) => run.last.calls(at) || run.last.once(at)));
    this.most = this.used.map(([at]) => Math.max(1, ...this.runs.map((run) => run.last.calls(at))));
    this.time = 0;
    this.chosen = 0;
    this.ends = true;
    this.root = document.createElement("div");
    this.root.className = "xe xe-comparison";
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
  // The common time, or -1 where all are at their ends.
  show(step) {
    if (step < 0) this.setEnds(true);
    else this.go(step, true);
  }
  build() {
    const { data, root } = this;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Comparison: ${data.scenario.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    const row = (name, cls, cells) => `<tr class="${cls}"><th scope="row">${name}</th>${cells.join("")}</tr>`;
    const each = (make) => data.options.map(make);
    const heads = each(({ option }, k) => `<th scope="col"><button type="button" data-act="choose" data-at="${k}" aria-pressed="${k === 0}" title="${esc(option.title)}"><b>${esc(option.ident)}</b> ${esc(option.label)}</button></th>`);
    const outcome = ({ outcome: o }, k) => {
      const [mark, word] = this.runs[k].view.status;
      const bytes = o.wrong_bytes ? `<br><small>${size(o.wrong_bytes)} wrong, ${size(o.right_bytes)} right</small>` : "";
      return `<td class="xe-status-${o.status}"><b class="xe-verdictword"><span aria-hidden="true">${mark}</span> ${word}</b><span class="xe-atend">${bytes}${o.refusals.length ? `<br><small>${marked(o.refusals[0])}</small>` : ""}</span></td>`;
    };
    const result = ({ outcome: o }, k) => `<td>${esc(data.results[k] || "none")}</td>`;
    const list = (items) => `<td>${items.length ? [...new Set(items)].map((item) => `<span class="xe-warn" aria-hidden="true">▲</span> ${esc(item)}`).join("<br>") : "<small>none</small>"}</td>`;
    const first = ({ difference: d }, k) => `<td>${k === 0 ? "<small>compared with this one</small>" : !d ? "<small>none</small>" : `<button type="button" data-act="difference" data-at="${k}" title="${esc(d.other_says)}">${marked(d.other_says || "The run is over.")}</button>`}</td>`;
    const equal = ([at]) => this.runs.every(({ last }) => last.calls(at) === this.runs[0].last.calls(at) && last.once(at) === this.runs[0].last.once(at));
    const alike = (values) => values.every((value) => value === values[0]);
    const outcomes = data.options.map(({ outcome }) => outcome);
    const folded = {
      result: alike(data.results), lost: alike(outcomes.map((o) => o.lost_checks)), hazards: alike(outcomes.map((o) => o.hazards.join())),
    };
    const more = (same) => (same ? "xe-crow is-equal" : "");
    this.same = this.used.filter(equal).length + Object.values(folded).filter(Boolean).length;
    const counts = this.used.map((counter) => row(`<span${term(`count:${this.runs[0].view.counts[counter[0]]}`)}>${counter[1]}</span>`, `xe-crow${equal(counter) ? " is-equal" : ""}`, each((_, k) => `<td><button type="button" class="xe-num" data-act="why" data-at="${k}" data-count="${counter[0]}"></button><svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true"><path/></svg></td>`)));
    root.innerHTML = `<div class="xe-body"><header class="xe-head"><h2>${esc(data.scenario.title)}</h2><p>${plural(data.options.length, "option")}, one scenario</p><p class="xe-right"><span class="xe-zoom" role="group" aria-label="How far"><button type="button" data-act="mode" data-ends="0" aria-pressed="true">in lockstep</button><button type="button" data-act="mode" data-ends="1" aria-pressed="false">at their ends</button></span><span class="xe-count" aria-hidden="true"></span></p></header>
<p class="xe-verdict">${marked(data.verdict)}</p>
<details class="xe-about"><summary>About this scenario</summary>${paragraphs(data.scenario.text)}${paragraphs(data.scenario.asked)}${data.scenario.ours ? paragraphs(`Ours, not said by a reviewer: ${data.scenario.ours}`) : ""}${python(this.options.python)}</details>${shareHtml(this.options)}
<div class="xe-controls"><button type="button" data-act="prev" aria-label="Previous step">‹</button><button type="button" data-act="next" aria-label="Next step">›</button><div class="xe-scrub"><input type="range" min="0" max="${this.lockstep.length - 1}" value="0" aria-label="Step, all options in lockstep"></div></div>
<div class="xe-bands"></div>
<div class="xe-sheet" tabindex="0" role="group" aria-label="Options side by side"><table><thead><tr><td></td>${heads.join("")}</tr></thead><tbody>
${row("now", "xe-nowrow", each(() => "<td></td>"))}${row("outcome", "xe-outcomerow", each(outcome))}${row("result", more(folded.result), each(result))}${counts.join("")}${row("checks lost", more(folded.lost), each(({ outcome: o }) => `<td>${o.lost_checks}</td>`))}${row("hazards", more(folded.hazards), each(({ outcome: o }) => list(o.hazards)))}${row("first difference", "xe-diff", each(first))}</tbody></table></div>
${this.same ? `<button type="button" class="xe-samerows" data-act="same" aria-expanded="false">${plural(this.same, "row")} equal under every option</button>` : ""}
<section class="xe-why" aria-label="The steps that make a count" tabindex="-1" hidden></section>
<p class="xe-sr" aria-live="polite"></p><button type="button" class="xe-stepthrough" data-act="detail" aria-expanded="false"></button><div class="xe-detail"></div></div>`;
    this.range = root.querySelector("input");
    this.outcomeCells = [...root.querySelectorAll(".xe-outcomerow td")];
    this.why = new Why(this, root.querySelector(".xe-why"));
    this.bands = root.querySelector(".xe-bands");
    this.sheet = root.querySelector(".xe-sheet table");
    this.nowCells = [...root.querySelector(".xe-nowrow").querySelectorAll("td")];
    this.countCells = [...root.querySelectorAll(".xe-crow:has(.xe-num)")].map((tr) => [...tr.querySelectorAll("td")]);
    this.live = root.querySelector(".xe-body > .xe-sr");
  }
  // A page is not wide enough for many columns: the same table in bands of a few options each.
  layOutForPaper() {
    const bands = [];
    for (let from = 1; from <= this.runs.length; from += BAND) {
      const band = this.sheet.cloneNode(true);
      for (const row of band.rows)
        [...row.cells].forEach((cell, k) => { if (k && (k < from || k >= from + BAND)) cell.remove(); });
      bands.push(band);
    }
    this.bands.replaceChildren(...bands);
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const act = {
      ArrowRight: () => this.step(1), j: () => this.step(1), ArrowLeft: () => this.step(-1), k: () => this.step(-1),
      Escape: !this.bubble.box.hidden ? () => this.bubble.hide() : this.why.open ? () => this.why.close() : null,
      Home: () => this.go(0), End: () => this.go(this.lockstep.length - 1),
      PageDown: () => this.go(this.beat(1)), PageUp: () => this.go(this.beat(-1)),
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
    else if (act.dataset.act === "detail") this.detail ? this.close() : this.choose(this.chosen);
    else if (act.dataset.act === "why") this.why.show(Number(act.dataset.count), at);
    else if (act.dataset.act === "whyclose") this.why.close();
    else if (act.dataset.act === "whygo") this.goTo(at, Number(act.dataset.step));
    else if (act.dataset.act === "share") this.share.give(act.dataset.kind);
    else if (act.dataset.act === "same") act.setAttribute("aria-expanded", String(this.root.classList.toggle("has-equal")));
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
    this.root.querySelectorAll('[data-act="mode"]').forEach((b) => b.setAttribute("aria-pressed", String((b.dataset.ends === "1") === ends)));
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
    this.root.querySelectorAll('[data-act="choose"]').forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.at) === at)));
    this.root.querySelectorAll(".xe-sheet tr").forEach((tr) => [...tr.cells].forEach((cell, k) => cell.classList.toggle("is-chosen", k === at + 1)));
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
    this.positions = this.ends ? this.runs.map((run) => ({ index: run.length - 1, waits: false })) : this.lockstep.at(this.time);
    this.root.dataset.step = this.ends ? -1 : this.time;
    this.range.value = this.ends ? this.lockstep.length - 1 : this.time;
    this.range.setAttribute("aria-valuetext", this.ends ? "all at their ends" : `step ${this.time} of ${this.lockstep.length - 1}`);
    this.root.querySelector(".xe-nowrow").hidden = this.ends;
    this.root.querySelector(".xe-outcomerow th").textContent = this.ends ? "outcome" : "outcome so far";
    this.outcomeCells.forEach((cell, k) => this.drawOutcome(cell, k));
    this.root.querySelector(".xe-count").innerHTML = this.ends ? "" : `step <b>${this.time}</b> / ${this.lockstep.length - 1}`;
    const folded = this.runs.map((run, k) => run.foldAt(this.positions[k].index));
    this.positions.forEach(({ index, waits }, k) => {
      const step = this.runs[k].steps[index];
      const found = this.runs[k].words(index);
      const over = index === this.runs[k].length - 1 && (waits || this.ends);
      const html = `<span class="xe-cellhead">${glyph(step, waits ? "is-ahead" : "is-now")} <b>${found.label}</b> <small>${over ? "over" : waits ? "waits" : index}</small></span><span class="xe-cellmain">${found.html.main}</span>${found.bad ? `<span class="xe-cellbad">${found.html.side}</span>` : ""}`;
      const cell = this.nowCells[k];
      cell.classList.toggle("is-waiting", waits);
      if (cell.xeHtml !== html) cell.innerHTML = cell.xeHtml = html;
    });
    this.used.forEach(([at], r) => folded.forEach((state, k) => {
      const cell = this.countCells[r][k];
      const once = state.once(at), calls = state.calls(at);
      const text = `${calls.toLocaleString("en")}${once ? ` + ${once.toLocaleString("en")} once` : ""}`;
      const [span, svg] = cell.children;
      if (span.textContent !== text) {
        span.textContent = text;
        svg.firstElementChild.setAttribute("d", `M0 1.5H${((calls / this.most[r]) * 100).toFixed(1)}`);
      }
      const more = calls - folded[0].calls(at);
      span.dataset.delta = k && more ? `${more > 0 ? "+" : "−"}${Math.abs(more).toLocaleString("en")}` : "";
      cell.classList.toggle("is-other", k > 0 && calls !== folded[0].calls(at));
    }));
    this.live.textContent = this.ends ? "All options at their ends." : `Step ${this.time}. ${this.runs[this.chosen].steps[this.positions[this.chosen].index].say}`;
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
