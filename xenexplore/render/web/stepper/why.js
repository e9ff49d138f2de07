// Why a count is what it is: the steps that make it, of the first option and another, aligned by
// the calls and copies that they have in common.

import { glyph } from "./glyphs.js";
import { before } from "./lockstep.js";
import { esc, marked, plural } from "./numbers.js";

const WHY_MOST = 60; // lines shown at once

export class Why {
  /**
   * @param {import("./comparison.js").Comparison} comparison
   * @param {HTMLElement} box
   */
  constructor(comparison, box) {
    this.comparison = comparison;
    this.box = box;
  }
  get open() {
    return !this.box.hidden;
  }
  // Steps of calls that add to a count, by the key of the part that they belong to.
  static byPart(run, counter) {
    const found = new Map();
    const { waits } = run.view;
    let at = 0;
    run.steps.forEach((_, index) => {
      while (at + 1 < waits.length && waits[at + 1][0] <= index) at += 1;
      const added = run.deltas(index).find(([count]) => count === counter);
      if (!added) return;
      const [begins, key] = waits[at];
      const name = key.join(".");
      if (!found.has(name)) found.set(name, { key, begins, steps: [] });
      found.get(name).steps.push([index, added[1]]);
    });
    return found;
  }
  show(counter, at) {
    const { runs, data, root } = this.comparison;
    this.from = root.ownerDocument.activeElement;
    const sides = at ? [0, at] : [0];
    const parts = sides.map((k) => Why.byPart(runs[k], counter));
    const keys = new Map(parts.flatMap((part) => [...part].map(([name, { key }]) => [name, key])));
    const names = [...keys].sort(([, a], [, b]) => (before(a, b) ? -1 : 1)).map(([name]) => name);
    const lines = [];
    for (const name of names) {
      const here = parts.map((part) => part.get(name)),
        whose = here.findIndex(Boolean);
      const head = runs[sides[whose]].line(here[whose].begins);
      lines.push(
        `<tr class="xe-whypart"><th scope="rowgroup" colspan="${sides.length}">` +
          `${marked(head.bracket || head.short)}</th></tr>`,
      );
      const most = Math.max(...here.map((part) => part?.steps.length ?? 0));
      for (let row = 0; row < most; row++)
        lines.push(
          `<tr>${sides.map((k, side) => `<td>${this.stepHtml(k, here[side]?.steps[row])}</td>`).join("")}</tr>`,
        );
    }
    const cut =
      lines.length > WHY_MOST
        ? `<p class="xe-quiet">${plural(lines.length - WHY_MOST, "more line")} not shown</p>`
        : "";
    const heads = sides.map(
      (k) =>
        `<th scope="col"><b>${esc(data.options[k].option.ident)}` +
        `</b> ${esc(data.options[k].option.label)}: ${runs[k].last.calls(counter).toLocaleString("en")}</th>`,
    );
    this.box.innerHTML =
      `<div class="xe-sectionhead"><h3>The steps that make: ${runs[0].view.counters[counter]}</h3>` +
      `<button type="button" data-act="whyclose" aria-label="Close">✕</button></div><table><thead>` +
      `<tr>${heads.join("")}</tr></thead><tbody>${lines.slice(0, WHY_MOST).join("")}</tbody></table>${cut}`;
    this.box.hidden = false;
    this.box.focus({ preventScroll: true });
    this.box.scrollIntoView({ block: "nearest" });
  }
  stepHtml(k, step) {
    if (!step) return "";
    const [index, added] = step;
    const run = this.comparison.runs[k],
      { label, html } = run.words(index);
    return (
      `<button type="button" data-act="whygo" data-at="${k}" data-step="${index}">` +
      `${glyph(run.steps[index])} <b>${label}</b> ${html.main}` +
      `${added > 1 ? ` <small>+${added.toLocaleString("en")}</small>` : ""}</button>`
    );
  }
  close() {
    this.box.hidden = true;
    this.from?.focus?.({ preventScroll: true });
  }
}
