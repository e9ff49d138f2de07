// The timeline: the steps around this one, everything else folded.

import { SHAPE_OF } from "./from_python.js";
import { shapeAt } from "./glyphs.js";
import { esc } from "./numbers.js";
import { patch } from "./patch.js";
import { View } from "./view.js";
import { clip } from "./words.js";

export class Timeline extends View {
  // Where calls begin and where something goes wrong, on the scrubber.
  ticks() {
    const n = Math.max(1, this.run.length - 1);
    const at = (i) => ((i / n) * 1000).toFixed(1);
    const seen = new Set(),
      calls = [],
      bad = [];
    this.run.steps.forEach((step, i) => {
      const spot = Math.round((i / n) * 400);
      const call = step.kind === "hypercall" || step.kind === "action";
      const wrong = this.run.words(i).bad;
      const key = `${call ? "c" : "b"}${spot}`;
      if ((call || wrong) && !seen.has(key)) {
        seen.add(key);
        if (wrong) bad.push(i);
        else calls.push(i);
      }
    });
    this.parts.ticks.setAttribute("viewBox", "0 0 1000 20");
    const path = (cls, some, d) =>
      `<path class="xe-tick${cls}" d="${some.map((i) => `M${at(i)} ${d}`).join("")}"/>`;
    const marked = this.stepper.marks?.ticks(at) ?? "";
    this.parts.ticks.innerHTML = path("", calls, "3v4") + marked + path(" is-bad", bad, "0v7");
  }
  // ---- the line of time
  // What stands on it: the open groups' children, everything else folded to one mark.
  visible() {
    const { run, index } = this;
    /** @type {{at?: number, more?: number, depth: number}[]} */
    const items = [];
    const around = new Set(run.ancestors(index));
    around.add(index);
    const put = (at, depth) => {
      if (at < 0) {
        items.push({ more: -at, depth });
        return;
      }
      items.push({ at, depth });
      if (!run.hasChildren(at) || this.stepper.isFolded(at)) return;
      for (const child of this.near(run.children(at), around)) put(child, depth + 1);
    };
    for (const at of this.near(run.children(-1), around)) put(at, 0);
    return items;
  }
  // Of many siblings only those near the present one; counts of the others as negatives.
  near(siblings, around) {
    if (siblings.length <= 40) return siblings;
    let middle = siblings.findIndex((at) => around.has(at));
    if (middle < 0) middle = 0;
    const from = Math.max(0, Math.min(middle - 20, siblings.length - 40)),
      to = from + 40;
    return [
      ...(from ? [-from] : []),
      ...siblings.slice(from, to),
      ...(to < siblings.length ? [-(siblings.length - to)] : []),
    ];
  }
  draw() {
    const { run, index, parts } = this;
    const width = this.stepper.sizes.line;
    const items = this.visible();
    const capacity = Math.max(7, Math.floor(width / 50));
    let now = items.findIndex((item) => item.at === index);
    if (now < 0) now = 0;
    // The window stays while the present step is well inside it.
    const most = Math.max(0, items.length - capacity);
    let from = Math.min(this.lineFrom ?? 0, most);
    if (now < from + 3 || now > from + capacity - 4)
      from = Math.max(0, Math.min(now - Math.floor(capacity / 2), most));
    this.lineFrom = from;
    const shown = items.slice(from, from + capacity);
    const pitch = Math.min(86, width / shown.length);
    const x = (k) => (k + 0.5) * pitch;
    const out = [];
    const nowAt = now - from;
    const state = (at) => (at === index ? "is-now" : at < index ? "is-done" : "is-ahead");
    // Open groups that begin off the left edge still reach into what is shown.
    const outer = run
      .ancestors(index)
      .filter((at) => !this.stepper.isFolded(at) && !shown.some((item) => item.at === at));
    const key =
      `${outer}:${width}:${items.length}:` +
      shown
        .map((item) =>
          item.more
            ? `+${item.more}`
            : `${item.at}${run.hasChildren(item.at) && !this.stepper.isFolded(item.at) ? "o" : ""}`,
        )
        .join();
    if (key === this.lineKey) {
      const [done, ahead] = this.rails;
      done.setAttribute("d", `M${x(0)} 16H${x(nowAt)}`);
      ahead.setAttribute("d", `M${x(nowAt)} 16H${x(shown.length - 1)}`);
      for (const one of this.stops) {
        const wanted = state(one.at);
        if (wanted === one.state) continue;
        one.stop.classList.replace(one.state, wanted);
        one.state = wanted;
      }
      return;
    }
    this.lineKey = key;
    out.push(
      `<path class="xe-rail is-done" d="M${x(0)} 16H${x(nowAt)}"/>` +
        `<path class="xe-rail" d="M${x(nowAt)} 16H${x(shown.length - 1)}"/>`,
    );
    if (from > 0) out.push(`<path class="xe-rail is-more" d="M0 16H${x(0)}"/>`);
    if (from + shown.length < items.length)
      out.push(`<path class="xe-rail is-more" d="M${x(shown.length - 1)} 16H${width}"/>`);
    const brackets = [];
    shown.forEach((item, k) => {
      if (item.more) {
        out.push(
          `<text class="xe-tlabel" x="${x(k)}" y="20" text-anchor="middle">+${item.more.toLocaleString("en")}</text>`,
        );
        return;
      }
      const step = run.steps[item.at];
      const bad = run.words(item.at).bad ? " is-bad" : "";
      const folded = run.hasChildren(item.at) && this.stepper.isFolded(item.at);
      const label =
        clip(run.line(item.at).short, Math.floor(pitch / 6.8) - (folded ? 2 : 0)) + (folded ? " ▸" : "");
      out.push(
        `<g class="xe-stop ${state(item.at)}${bad}" data-go="${item.at}" data-k="i:${item.at}">` +
          `<rect class="xe-stophit" x="${x(k) - pitch / 2}" y="0" width="${pitch}" height="42"/>` +
          `<g>${shapeAt(SHAPE_OF[step.kind], x(k) - 7, 9)}</g>` +
          `<text x="${x(k)}" y="39" text-anchor="middle">${esc(label)}</text></g>`,
      );
      if (run.hasChildren(item.at) && !folded) brackets.push({ item, k });
    });
    for (const at of outer) brackets.push({ item: { at, depth: run.steps[at].depth }, k: -1 });
    // There is room for two levels: the innermost.
    const levels = [...new Set(brackets.map(({ item }) => item.depth))].sort((a, b) => a - b).slice(-2);
    for (const { item, k } of brackets.filter(({ item: { depth } }) => levels.includes(depth))) {
      let last = k;
      shown.forEach((other, j) => {
        if (other.at !== undefined && other.at > item.at && other.at < run.end[item.at]) last = j;
        if (other.more && j > 0 && shown[j - 1].at < run.end[item.at] && other.depth > item.depth && j > k)
          last = j;
      });
      if (last < 0) continue;
      const y = 52 + levels.indexOf(item.depth) * 15;
      const x0 = k < 0 ? 0 : x(k) - 5,
        x1 = x(last) + 5;
      const text = run.line(item.at).bracket.replaceAll("'", "\u202f");
      const room = Math.floor((x1 - x0 - 20) / 6.6);
      const fits = text.length <= room ? text : room > 6 ? `${text.slice(0, room - 1)}…` : "";
      out.push(
        `<g class="xe-bracket" data-act="fold" data-at="${item.at}"><path d="M${x0} ${y - 4}v4H${x1}v-4"/>` +
          `<rect class="xe-stophit" x="${x0}" y="${y - 8}" width="${Math.max(10, x1 - x0)}" height="15"/>` +
          `<text x="${x0 + 8}" y="${y + 3.5}">▾ ${esc(fits)}</text></g>`,
      );
    }
    const html =
      `<svg width="${width}" height="76" viewBox="0 0 ${width} 76" role="img"` +
      ` aria-label="Steps around this one"><title>Steps around this one</title>${out.join("")}</svg>`;
    patch(parts.line, html);
    this.rails = parts.line.querySelectorAll(".xe-rail");
    this.stops = [...parts.line.querySelectorAll(".xe-stop")].map((stop) => {
      const at = Number(stop.dataset.go);
      return { stop, at, state: state(at) };
    });
  }
}
