// What a step is called, as Python has said it: view_data.py ships the words, here they are marked up.

import { esc, marked } from "./numbers.js";

export const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export class Words {
  /** @param {import("./types.js").StepWords} words */
  constructor([label, main, side = "", aside = "", more = [], tone = "plain"]) {
    this.label = esc(label);
    this.texts = { main, side, aside, more };
    this.tone = tone;
    this.made = null;
  }
  // Marked up when it is first drawn: of a long run little ever is.
  get html() {
    const { main, side, aside, more } = this.texts;
    this.made ??= {
      main: marked(main).replaceAll("   ", "<small> </small>"),
      side: marked(side),
      aside: marked(aside),
      more: more.map(marked),
    };
    return this.made;
  }
  get bad() {
    return this.tone === "bad";
  }
}
