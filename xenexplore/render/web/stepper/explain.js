// Nothing unexplained: tooltips and the legend, both from the glossary that Python has written.
// GLOSSARY (key to [name, text, source, link]) and KEYS stand before the parts.

import { GLOSSARY, KEYS } from "./from_python.js";
import { glyph } from "./glyphs.js";
import { esc } from "./numbers.js";

export const term = (key) => (GLOSSARY[key] ? ` data-term="${key}"` : "");
export const flagTerms = (flags) =>
  flags.replace(
    /[A-Z]+(?:=\d+)?/g,
    (name) => `<span${term(`flag:${name.startsWith("PK=") ? "PKEY" : name}`)}>${name}</span>`,
  );
/** @param {import("./from_python.js").Term} term_ */
const source = ([, , cite, link]) =>
  !cite
    ? ""
    : link
      ? ` <a href="${esc(link)}" target="_blank" rel="noreferrer">${esc(cite)}</a>`
      : ` <small>${esc(cite)}</small>`;

// One bubble for a view: over what the pointer or the focus is on; Escape takes it away.
export class Bubble {
  constructor(root, signal) {
    this.root = root;
    this.box = document.createElement("div");
    this.box.className = "xe-tip";
    this.box.setAttribute("role", "tooltip");
    this.box.hidden = true;
    root.append(this.box);
    const on = (kind, act) => root.addEventListener(kind, act, { signal });
    // Of a view inside another each explains its own.
    const own = (element) => (element?.closest(".xe") === root ? element : null);
    on("pointerover", (event) => this.over(own(event.target.closest("[data-term]")), event.target));
    on("pointerleave", () => this.hide());
    on("focusin", (event) => {
      const target = event.target;
      const found = target.matches("[data-term]")
        ? target
        : target.matches(".xe-row:focus-visible")
          ? target.querySelector("[data-term]")
          : null;
      if (own(found)) this.show(found);
      else this.hide();
    });
    on("focusout", () => this.hide());
  }
  over(found, target) {
    clearTimeout(this.waiting);
    if (this.box.contains(target)) return; // it can be pointed at, to follow its link
    if (!found) this.waiting = setTimeout(() => this.hide(), 200);
    else if (found !== this.about) this.waiting = setTimeout(() => this.show(found), 350);
  }
  show(found) {
    const entry = GLOSSARY[found.dataset.term];
    if (!entry) return;
    this.about = found;
    const { box, root } = this;
    box.innerHTML = `<b>${esc(entry[0])}</b> ${esc(entry[1])}${source(entry)}`;
    box.hidden = false;
    const place = found.getBoundingClientRect(),
      whole = root.getBoundingClientRect();
    const left = Math.max(8, Math.min(place.left - whole.left, root.clientWidth - box.offsetWidth - 8));
    const below = place.bottom - whole.top + 6;
    const fits = below + box.offsetHeight < root.clientHeight;
    box.style.left = `${left}px`;
    box.style.top = `${fits ? below : Math.max(4, place.top - whole.top - box.offsetHeight - 6)}px`;
  }
  hide() {
    clearTimeout(this.waiting);
    const shown = !this.box.hidden;
    this.box.hidden = true;
    this.about = null;
    return shown;
  }
}

// The legend: keys, shapes, and every term that this run uses, as a drawer over the views.
function legendOf(run) {
  const kinds = new Set(run.steps.map((step) => step.kind));
  const flags = new Set(run.steps.flatMap((step) => (step.kind === "pte-read" ? step.flags.split(" ") : [])));
  const used = new Set(
    run.view.counters
      .map((_, at) => at)
      .filter((at) => run.last.calls(at) || run.last.once(at))
      .map((at) => run.view.counts[at]),
  );
  const shown = (key) => {
    const [room, name] = key.split(":");
    if (room === "step") return kinds.has(name);
    if (room === "flag")
      return flags.has(name) || (name === "PKEY" && [...flags].some((flag) => flag.startsWith("PK=")));
    if (room === "count") return used.has(name);
    return true;
  };
  const entries = Object.entries(GLOSSARY).filter(([key]) => shown(key));
  const part = (title, room) => {
    const rows = entries
      .filter(([key]) => key.startsWith(`${room}:`))
      .map(([key, entry]) => {
        const kind = key.slice(5);
        const mark =
          room === "step"
            ? glyph({ kind })
            : room === "mark"
              ? `<i class="xe-swatch is-${key.slice(5)}" aria-hidden="true"></i>`
              : "";
        return `<dt>${mark}${esc(entry[0])}</dt><dd>${esc(entry[1])}${source(entry)}</dd>`;
      });
    return rows.length ? `<h3>${title}</h3><dl>${rows.join("")}</dl>` : "";
  };
  const pairs = KEYS.map(([key, what]) => `<dt>${esc(key)}</dt><dd>${esc(what)}</dd>`);
  const keys = `<h3>Keys</h3><dl>${pairs.join("")}</dl>`;
  const tour =
    '<p><button type="button" class="xe-begintour" data-act="tour">Take the tour: six stops</button></p>';
  return (
    `${tour}${keys}${part("Drawing", "mark")}${part("Steps", "step")}${part("Counts", "count")}` +
    `${part("Flags of an entry", "flag")}${part("Words", "word")}${part("Verdicts", "status")}`
  );
}

export class Legend {
  constructor(root, run) {
    this.run = run;
    this.box = document.createElement("div");
    this.box.className = "xe-legend";
    this.box.tabIndex = -1;
    this.box.setAttribute("role", "dialog");
    this.box.setAttribute("aria-label", "Legend");
    this.box.hidden = true;
    root.append(this.box);
  }
  get open() {
    return !this.box.hidden;
  }
  toggle(open = !this.open) {
    if (open === this.open) return;
    if (open && !this.box.firstChild)
      this.box.innerHTML =
        `<button type="button" data-act="legend" aria-label="Close the legend">✕</button>` + legendOf(this.run);
    this.box.hidden = !open;
    if (open) {
      this.from = document.activeElement;
      this.box.focus({ preventScroll: true });
    } else this.from?.focus?.({ preventScroll: true });
  }
}
