// This step: its sentence, the counts so far, what is worth noticing.

import { term } from "./explain.js";
import { esc, marked, warned } from "./numbers.js";
import { patch } from "./patch.js";
import { View } from "./view.js";

export class Says extends View {
  constructor(stepper) {
    super(stepper);
    const { last, view } = this.run;
    /** @type {[at: number, name: string][]} */
    const all = view.counters.map((name, at) => [at, name]);
    this.used = all.filter(([at]) => last.calls(at) || last.once(at));
    this.once = this.used.some(([at]) => last.once(at));
    /** @type {any[] | null} */
    this.counts = null; // what shows them, once it stands in the page
  }
  // The table of counts, its numbers still to come.
  html() {
    const { last, view } = this.run;
    const head =
      `<thead class="xe-hide"><tr><th scope="col">` +
      `<span class="xe-sr">count</span></th>${this.once ? '<th scope="col">once</th>' : ""}` +
      `<th scope="col">${this.once ? "calls" : '<span class="xe-sr">calls</span>'}</th></tr></thead>`;
    const zero = (at) => (last.once(at) ? "" : ' class="is-zero"');
    const rows = this.used.map(
      ([at, name]) =>
        `<tr data-count="${at}"><th scope="row"${term(`count:${view.counts[at]}`)}>${name}` +
        `</th>${this.once ? `<td${zero(at)}>0</td>` : ""}<td>0</td></tr>`,
    );
    return `<table class="xe-sofar${this.once ? " has-once" : ""}">${head}<tbody>${rows.join("")}</tbody></table>`;
  }
  draw() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    if (!parts.count.lastChild)
      parts.count.innerHTML = `step <b> </b> / ${(run.length - 1).toLocaleString("en")}`;
    parts.count.children[0].firstChild.data = index.toLocaleString("en");
    patch(parts.say, marked(step.say));
    const cite = run.cite(index);
    const link = run.link(index);
    if (cite !== this.citeText) {
      parts.cite.innerHTML = link
        ? `<a href="${esc(link)}" target="_blank" rel="noreferrer">${esc(cite)}</a>`
        : esc(cite);
      this.citeText = cite;
    }
    // What this step changed is marked.
    const { counters } = run.view;
    const changed = new Set(run.deltas(index).map(([at]) => at % counters.length));
    this.counts ??= this.countsOf();
    for (const one of this.counts) {
      for (const [which, text] of one.texts.entries()) {
        const value = state.sums[one.at + which * counters.length];
        if (value !== one.values[which]) text.data = (one.values[which] = value).toLocaleString("en");
      }
      const isNow = changed.has(one.at);
      if (isNow !== one.isNow) one.row.classList.toggle("is-now", (one.isNow = isNow));
    }
    const notes = this.notes();
    const key = JSON.stringify(notes);
    if (key === this.worthKey) return;
    this.worthKey = key;
    const worth = notes.map(({ at, said, bad }) => {
      const text = warned(bad, marked(said));
      const line = at === undefined ? text : `<button type="button" data-go="${at}">${text}</button>`;
      return `<li class="${bad ? "is-bad" : ""}">${line}</li>`;
    });
    parts.worthhead.hidden = !notes.length;
    parts.this.classList.toggle("is-plain", !notes.length);
    patch(parts.worth, worth.join(""));
  }
  // Each count with what shows it: of calls, then of what is done once.  Each has the room that it
  // will need, so that the strip is as high at the first step as at the last.
  countsOf() {
    const { last } = this.run;
    return this.used.map(([at], number) => {
      const row = this.parts.sofar.rows[number];
      const cells = [...row.cells].slice(1).reverse();
      [last.calls(at), last.once(at)].slice(0, cells.length).forEach((most, which) => {
        const words = which ? 6 : 0; // " once +"
        cells[which].style.minWidth = `${most.toLocaleString("en").length + words}ch`;
      });
      return { at, row, texts: cells.map((cell) => cell.firstChild), values: [0, 0], isNow: false };
    });
  }
  // What deserves a second look: what Python notes at this step, and earlier steps of this call
  // that stay worth noticing.
  notes() {
    const { run, index, state } = this;
    const scope =
      [...run.ancestors(index), index].find(
        (at) => run.steps[at].kind === "action" || run.steps[at].kind === "hypercall",
      ) ?? 0;
    /** @type {{said: string, bad: boolean, at?: number}[]} */
    const found = run.notes(index).map((said) => ({ said, bad: run.words(index).bad }));
    for (let k = state.worth.length - 1; k >= 0 && found.length < 4; k--) {
      const at = state.worth[k];
      if (at < scope) break;
      if (at < index) found.push({ at, said: run.steps[at].say, bad: run.words(at).bad });
    }
    return found.slice(0, 4);
  }
}
