// Linked views: what is pointed at or picked in one of them is lit in all.

export class Linked {
  /** @type {import("./types.js").Options} */
  options;
  /** @type {HTMLElement} */
  root;
  /** @type {import("./map_view.js").MapView} */
  map;
  /** @type {Record<string, any>} */
  parts;
  constructor() {
    this.lit = ""; // what is pointed at, as keys
    this.pinned = ""; // what was picked, as keys
    this.pinnedText = "";
  }
  hover(target) {
    const keys = target?.dataset.k || "";
    if (keys !== this.lit) this.light(keys);
    if (target?.dataset.t || !target) this.readout(target?.dataset.t || this.pinnedText);
  }
  light(keys) {
    this.lit = keys;
    for (const old of this.root.querySelectorAll(".is-lit")) old.classList.remove("is-lit");
    for (const key of new Set(`${keys} ${this.pinned}`.split(" ").filter(Boolean)))
      for (const found of this.root.querySelectorAll(`[data-k~="${CSS.escape(key)}"]`))
        found.classList.add("is-lit");
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
    this.options.onPick?.(this.pinned);
  }
  // Somebody else has picked: the kernel, or another view of the same model.
  pickKeys(keys) {
    if (keys === this.pinned) return;
    this.pinned = keys;
    this.pinnedText = "";
    this.light(this.lit);
  }
  unpin() {
    this.pinned = this.lit = "";
    this.pinnedText = "";
    this.map.selected = null;
    this.map.draw();
    this.light("");
    this.readout("");
    this.options.onPick?.("");
  }
  readout(text) {
    if (this.parts.readout.textContent !== text) this.parts.readout.textContent = text;
  }
}
