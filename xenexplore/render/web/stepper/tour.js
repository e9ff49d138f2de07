// Six stops over the parts of a stepper, in Python's words (TOUR stands before the parts).

import { TOUR } from "./from_python.js";
import { esc } from "./numbers.js";

export class Tour {
  constructor(root) {
    this.root = root;
    this.at = -1;
    this.box = document.createElement("div");
    this.box.className = "xe-tip xe-tour";
    this.box.tabIndex = -1;
    this.box.setAttribute("role", "dialog");
    this.box.setAttribute("aria-label", "Tour");
    this.box.hidden = true;
    root.append(this.box);
  }
  get open() {
    return !this.box.hidden;
  }
  // The stops whose part this view has on show.
  stops() {
    return TOUR.filter(([part]) => this.root.querySelector(part)?.getClientRects().length);
  }
  begin() {
    this.from = document.activeElement;
    this.go(0);
  }
  go(to) {
    const stops = this.stops();
    if (to < 0 || to >= stops.length) return this.leave();
    this.mark(null);
    this.at = to;
    const [part, name, text] = stops[to];
    const last = to === stops.length - 1;
    const button = (act, label) => `<button type="button" data-act="${act}">${label}</button>`;
    const back = to ? button("tourback", "Back") : "";
    this.box.innerHTML =
      `<p><b>${esc(name)}</b> <small>${to + 1} of ${stops.length}</small></p><p>${esc(text)}</p>\n` +
      `<p class="xe-touracts">${back}${button("tournext", last ? "Done" : "Next")}` +
      `${last ? "" : button("tourleave", "Leave")}</p>`;
    this.box.hidden = false;
    const place = this.root.querySelector(part);
    this.mark(place);
    const box = place.getBoundingClientRect(),
      whole = this.root.getBoundingClientRect();
    const below = box.bottom - whole.top + 6;
    const room = this.root.clientHeight - this.box.offsetHeight;
    const top = below <= room ? below : Math.max(4, box.top - whole.top - this.box.offsetHeight - 6);
    const right = this.root.clientWidth - this.box.offsetWidth - 8;
    this.box.style.top = `${top}px`;
    this.box.style.left = `${Math.max(8, Math.min(box.left - whole.left + 12, right))}px`;
    this.box.focus({ preventScroll: true });
    this.box.scrollIntoView({ block: "nearest" });
    return undefined;
  }
  mark(place) {
    this.root.querySelector(".is-toured")?.classList.remove("is-toured");
    place?.classList.add("is-toured");
  }
  leave() {
    this.mark(null);
    this.box.hidden = true;
    this.at = -1;
    this.from?.focus?.({ preventScroll: true });
  }
}
