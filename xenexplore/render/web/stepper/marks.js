// Bookmarks, and notes on steps: they travel with the scenario, as its tables [[note]].

import { esc } from "./numbers.js";

const PART_NAMES = { 1: "prepare", 3: "finish" };
const RETURN = 1_000_000;

// What a step belongs to, and how many steps after its beginning it comes (step_places.py).
export function placeOf(run, index) {
  const [begins, [action, part, call, copy]] = run.view.waits.findLast(([at]) => at <= index);
  const words = [action ? `action ${action}` : "start"];
  if (PART_NAMES[part]) words.push(PART_NAMES[part]);
  else if (call) words.push(`call ${call}`);
  if (copy) words.push(copy === RETURN ? "return" : `copy ${copy}`);
  return words.join(", ") + (index > begins ? ` + ${index - begins}` : "");
}

export class Marks {
  /** @param {import("./stepper.js").Stepper} stepper */
  constructor(stepper) {
    this.stepper = stepper;
    this.texts = new Map(stepper.run.view.marks ?? []); // step -> what is noted, or ""
    this.box = /** @type {HTMLElement} */ (stepper.root.querySelector(".xe-mark-note"));
    this.input = this.box.querySelector("input");
  }
  // As the scenario's text has them.
  toml() {
    const { run } = this.stepper;
    const option = JSON.stringify(run.data.option.label);
    return [...this.texts]
      .sort(([a], [b]) => a - b)
      .map(([at, text]) => {
        const noted = text ? `text = ${JSON.stringify(text)}\n` : "";
        return `[[note]]\nat = ${JSON.stringify(placeOf(run, at))}\noption = ${option}\n${noted}`;
      })
      .join("\n");
  }
  toggle() {
    const { index } = this.stepper;
    if (this.texts.has(index)) this.texts.delete(index);
    else this.texts.set(index, "");
    this.changed();
    if (this.texts.has(index)) this.input.focus({ preventScroll: true });
  }
  note(text) {
    this.texts.set(this.stepper.index, text);
    this.changed();
  }
  changed() {
    const { run, options } = this.stepper;
    options.onMarks?.([...this.texts].map(([at, text]) => [placeOf(run, at), text]));
    this.draw();
    this.stepper.timeline.ticks();
  }
  // The next one after a step, or the one before it.
  from(index, way) {
    const all = [...this.texts.keys()].sort((a, b) => a - b);
    return (way > 0 ? all.find((at) => at > index) : all.findLast((at) => at < index)) ?? null;
  }
  draw() {
    const { index, root } = this.stepper;
    const on = this.texts.has(index);
    if (this.box.hidden === on) {
      root.querySelector('[data-act="mark"]')?.setAttribute("aria-pressed", String(on));
      this.box.hidden = !on;
    }
    const text = this.texts.get(index) ?? "";
    if (this.input.value !== text) this.input.value = text;
    root.classList.toggle("has-marks", this.texts.size > 0);
  }
  // The marks on the slider.
  ticks(at) {
    const path = [...this.texts.keys()].map((index) => `M${at(index)} 12v8`).join("");
    return path ? `<path class="xe-tick is-mark" d="${esc(path)}"/>` : "";
  }
}
