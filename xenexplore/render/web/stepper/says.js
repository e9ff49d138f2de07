// This step: its sentence, the counts so far, what is worth noticing.

import { term } from "./explain.js";
import { esc, marked, warned } from "./numbers.js";
import { View } from "./view.js";

export class Says extends View {
  constructor(stepper) {
    super(stepper);
    const { last, view } = this.run;
    /** @type {[at: number, name: string][]} */
    const all = view.counters.map((name, at) => [at, name]);
    this.used = all.filter(([at]) => last.calls(at) || last.once(at));
    this.once = this.used.some(([at]) => last.once(at));
    this.counted = [];
  }
  // The table of counts, its numbers still to come.
  html() {
    const head =
      `<thead class="xe-hide"><tr><th scope="col">` +
      `<span class="xe-sr">count</span></th>${this.once ? '<th scope="col">once</th>' : ""}` +
      `<th scope="col">${this.once ? "calls" : '<span class="xe-sr">calls</span>'}</th></tr></thead>`;
    const rows = this.used.map(
      ([at, name]) =>
        `<tr data-count="${at}"><th scope="row"${term(`count:${this.run.view.counts[at]}`)}>${name}` +
        `</th>${this.once ? "<td></td>" : ""}<td></td></tr>`,
    );
    return `<table class="xe-sofar${this.once ? " has-once" : ""}">${head}<tbody>${rows.join("")}</tbody></table>`;
  }
  draw() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    if (!parts.count.lastChild)
      parts.count.innerHTML = `step <b> </b> / ${(run.length - 1).toLocaleString("en")}`;
    parts.count.children[0].firstChild.data = index.toLocaleString("en");
    parts.say.innerHTML = marked(step.say);
    const cite = run.cite(index);
    const link = run.link(index);
    if (cite !== this.citeText) {
      parts.cite.innerHTML = link
        ? `<a href="${esc(link)}" target="_blank" rel="noreferrer">${esc(cite)}</a>`
        : esc(cite);
      this.citeText = cite;
    }
    const before = this.counted;
    this.counted = [];
    this.used.forEach(([at], row) => {
      const cells = parts.sofar.rows[row].cells;
      const calls = state.calls(at),
        once = state.once(at);
      const text = `${once}/${calls}`;
      this.counted[row] = text;
      if (before[row] !== text) {
        cells[cells.length - 1].textContent = calls.toLocaleString("en");
        if (this.once) {
          cells[1].textContent = once.toLocaleString("en");
          cells[1].classList.toggle("is-zero", !once);
        }
      }
    });
    this.markCounts();
    const notes = this.notes();
    const worth = notes
      .map(
        ({ at, text, bad }) =>
          `<li class="${bad ? "is-bad" : ""}">` +
          (at === undefined || at === index
            ? warned(bad, text)
            : `<button type="button" data-go="${at}">${warned(bad, text)}</button>`) +
          `</li>`,
      )
      .join("");
    if (worth === this.worthHtml) return;
    parts.worthhead.hidden = !notes.length;
    parts.this.classList.toggle("is-plain", !notes.length);
    parts.worth.innerHTML = this.worthHtml = worth;
  }
  // The counts that this step changed.
  markCounts() {
    const { counters } = this.run.view;
    const changed = new Set(this.run.deltas(this.index).map(([at]) => at % counters.length));
    this.used.forEach(([at], row) => this.parts.sofar.rows[row].classList.toggle("is-now", changed.has(at)));
  }
  // What deserves a second look: what Python notes at this step, and earlier steps of this call
  // that stay worth noticing.
  notes() {
    const { run, index, state } = this;
    const scope =
      [...run.ancestors(index), index].find(
        (at) => run.steps[at].kind === "action" || run.steps[at].kind === "hypercall",
      ) ?? 0;
    /** @type {{text: string, bad: boolean, at?: number}[]} */
    const found = run.notes(index).map((text) => ({ text: marked(text), bad: run.words(index).bad }));
    for (const at of state.worth
      .filter((i) => i >= scope && i < index)
      .slice(-4)
      .reverse())
      found.push({ at, text: marked(run.steps[at].say), bad: run.words(at).bad });
    return found.slice(0, 4);
  }
}
