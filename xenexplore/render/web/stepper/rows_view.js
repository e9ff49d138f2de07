// How Xen gets there: the rows of the unit around a step, and the pieces of its copy.

import { flagTerms, term } from "./explain.js";
import { glyph } from "./glyphs.js";
import { plural } from "./numbers.js";
import { bits } from "./bits.js";
import { patch } from "./patch.js";
import { View } from "./view.js";

const ROWS_MOST = 30,
  AT_REST = 120; // ms after the last step

export class Rows extends View {
  constructor(stepper) {
    super(stepper);
    this.open = new Set(); // page-table entries shown bit by bit
  }
  // Whether they are in sight: where the path is drawn, they are on paper only.  The browser is
  // not asked: it would lay the page out to say it.
  get inSight() {
    const is = (name) => this.stepper.root.classList.contains(name);
    return is("is-narrow") || is("is-full") || !is("is-drawn");
  }
  draw() {
    this.drawChunks(this.focus);
    clearTimeout(this.waiting);
    // Of steps that follow each other quickly, rows out of sight have the last.
    if (!this.shownRows || this.inSight) return this.drawRows();
    if (this.parts.rows.contains(document.activeElement)) this.stepper.root.focus({ preventScroll: true });
    this.waiting = setTimeout(() => this.drawRows(), AT_REST);
  }
  drawRows() {
    clearTimeout(this.waiting);
    const { run, index, parts } = this;
    const unit = run.unit[index];
    const rows = run.rows(unit).filter((row) => !row.implied || row.first === index);
    let now = rows.findIndex(
      (row) => row.indices.includes(index) || (row.indices[0] <= index && index < row.until),
    );
    if (now < 0) now = 0;
    let from = 0,
      to = rows.length;
    if (rows.length > ROWS_MOST) {
      from = Math.max(0, Math.min(now - 12, rows.length - ROWS_MOST));
      to = from + ROWS_MOST;
      if (
        this.shownRows &&
        this.shownRows.unit === unit &&
        this.shownRows.count === rows.length &&
        now >= this.shownRows.from + 3 &&
        now < this.shownRows.to - 3
      )
        ({ from, to } = this.shownRows);
    }
    const same =
      this.shownRows &&
      this.shownRows.unit === unit &&
      this.shownRows.from === from &&
      this.shownRows.to === to &&
      this.shownRows.count === rows.length;
    if (!same) {
      const html = [];
      if (from > 0)
        html.push(
          `<li class="xe-more"><button type="button" data-go="${rows[Math.max(0, from - 8)].indices[0]}">` +
            `${plural(from, "row")} above</button></li>`,
        );
      for (let r = from; r < to; r++) html.push(this.rowHtml(rows[r], rows[r - 1]));
      if (to < rows.length)
        html.push(
          `<li class="xe-more"><button type="button"` +
            ` data-go="${rows[Math.min(rows.length - 1, to + 7)].indices[0]}">${plural(rows.length - to, "row")}` +
            ` below</button></li>`,
        );
      patch(parts.rows, html.join(""));
      this.shownRows = {
        unit,
        from,
        to,
        count: rows.length,
        items: [...parts.rows.querySelectorAll(".xe-rowitem")],
        states: [],
      };
      const vcpu = run.steps[unit]?.vcpu ?? run.steps[unit]?.current;
      parts.where.textContent = vcpu === undefined ? "" : `vCPU ${vcpu}`;
    }
    const { states } = this.shownRows;
    this.shownRows.items.forEach((item, k) => {
      const row = rows[from + k];
      const isNow = from + k === now;
      const key = `${isNow}${row.indices.map((at) => Math.sign(at - index))}`;
      if (states[k] === key) return;
      states[k] = key;
      item.classList.toggle("is-now", isNow);
      item.classList.toggle("is-done", !isNow && row.indices[0] < index);
      item.classList.toggle("is-ahead", row.indices[0] > index);
      const button = item.firstElementChild;
      button.tabIndex = isNow ? 0 : -1;
      if (isNow) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      item.querySelectorAll(".xe-glyph").forEach((g, at) => {
        g.classList.toggle("is-now", row.indices[at] === index);
        g.classList.toggle("is-ahead", row.indices[at] > index);
      });
    });
    this.nowRow = this.shownRows.items[now - from];
  }
  // Keep the present row in sight where the rows have a scroll of their own.
  keepInSight() {
    const { rows } = this.parts,
      item = this.nowRow;
    if (this.stepper.root.classList.contains("is-narrow") || !this.inSight) return;
    if (!item || rows.scrollHeight <= rows.clientHeight + 2) return;
    const above = item.offsetTop,
      room = rows.clientHeight;
    if (above < rows.scrollTop || above + item.offsetHeight > rows.scrollTop + room)
      rows.scrollTop = above - room / 3;
  }
  rowHtml(row, previous) {
    const { run } = this;
    const { label, html, bad } = row.words;
    const first = run.steps[row.first];
    const entry = row.indices.find((i) => run.steps[i].kind === "pte-read");
    const open = entry !== undefined && this.open.has(entry);
    const glyphs =
      row.indices.length > 1 && first.kind !== "pte-update"
        ? row.indices.map((i) => glyph(run.steps[i])).join("")
        : glyph(first);
    const begins = first.kind === "piece" && previous ? "is-begin" : "";
    const more =
      row.until > row.last + 1 && !row.head && !run.view.pieces[run.unit[row.first]]
        ? `<small>${plural(row.until - row.first - 1, "step")} inside</small>`
        : "";
    const cBit = this.guest.encryption === "sev" ? 47 : this.guest.encryption === "snp" ? 51 : 0;
    const sign = run.steps[row.last].kind === "pte-read" ? flagTerms(html.side) : html.side;
    const side = `${sign}${html.aside ? `<small>${html.side ? " · " : ""}${html.aside}</small>` : ""}`;
    const below = html.more.length
      ? `<div class="xe-below">${html.more.map((line) => `<span class="xe-arg">${line}</span>`).join("")}</div>`
      : "";
    return (
      `<li class="xe-rowitem ${row.head ? "is-head" : ""} ${begins} ${bad ? "is-bad" : ""}` +
      ` is-${row.words.tone}-tone"><button type="button" class="xe-row" data-go="${row.last}">` +
      `<span class="xe-marks">${glyphs}</span><span class="xe-label"` +
      `${term(`step:${run.steps[row.last].kind}`)}>${label}</span><span class="xe-main">${html.main}${more}` +
      `</span><span class="xe-side">${side}</span></button>` +
      (entry === undefined
        ? '<span class="xe-nobits"></span>'
        : `<button type="button" class="xe-bitsbutton" data-act="bits" data-at="${entry}"` +
          ` aria-expanded="${open}" aria-label="Bits of the level ${run.steps[entry].level} entry"` +
          ` tabindex="-1">${open ? "−" : "+"}</button>`) +
      `${below}${open ? bits(run.steps[entry], cBit, this.across()) : ""}</li>`
    );
  }
  // How many bits of an entry there is room for in a row.
  across() {
    return this.stepper.sizes.path >= 620 ? 32 : 16;
  }
  // The pieces of a copy as a strip: where this one is among them.
  drawChunks(focus) {
    const { chunks } = focus;
    const html = chunks.length < 2 ? "" : this.chunkStrip(chunks, focus.chunk);
    if (html !== this.chunkHtml) patch(this.parts.chunks, (this.chunkHtml = html));
  }
  chunkStrip(chunks, current) {
    const at = chunks.indexOf(current);
    const from = Math.max(0, Math.min(at - 8, chunks.length - 16)),
      to = Math.min(chunks.length, from + 16);
    const cells = [];
    for (let k = from; k < to; k++) {
      const bad = chunks[k].wrong;
      cells.push(
        `<button type="button" data-go="${chunks[k].first}" aria-label="piece ${k + 1}${bad ? ", wrong" : ""}"` +
          ` class="${k === at ? "is-now" : k < at ? "is-done" : ""} ${bad ? "is-bad" : ""}"` +
          `${k === at ? ' aria-current="true"' : ""}>${k + 1}${bad ? " ✕" : ""}</button>`,
      );
    }
    return `<span>piece</span>${cells.join("")}<span>of ${chunks.length.toLocaleString("en")}</span>`;
  }
  toggleBits(index) {
    if (this.stepper.path.drawn) this.stepper.path.set(false); // the bits are in the rows
    if (this.open.has(index)) this.open.delete(index);
    else this.open.add(index);
    const held = this.parts.rows.contains(document.activeElement);
    this.shownRows = null;
    this.draw();
    if (held) this.parts.rows.querySelector(`[data-act="bits"][data-at="${index}"]`)?.focus();
  }
}
