// Search in the steps: their sentences, words and addresses.

export class Search {
  /** @type {string[]} */
  texts;
  constructor(run) {
    this.run = run;
    this.found = [];
    this.query = "";
  }
  // How an address is grouped, and whether 0x stands before it, does not matter.
  static bare(text) {
    return text.toLowerCase().replace(/0x|'/g, "");
  }
  find(query) {
    this.query = query;
    const { run } = this,
      wanted = Search.bare(query.trim());
    this.texts ??= run.steps.map((step, at) => {
      const {
        label,
        texts: { main, side, more },
      } = run.words(at);
      return Search.bare(`${step.say} ${label} ${main} ${side} ${more.join(" ")}`);
    });
    this.found = wanted ? this.texts.flatMap((text, at) => (text.includes(wanted) ? [at] : [])) : [];
  }
  // The next match after a step, or before it; from the other end where there is none.
  from(index, way) {
    const { found } = this;
    if (!found.length) return null;
    if (way > 0) return found.find((at) => at > index) ?? found[0];
    return found.findLast((at) => at < index) ?? found[found.length - 1];
  }
  status(index) {
    if (!this.query.trim()) return "";
    const at = this.found.indexOf(index);
    return `${at < 0 ? "" : `${at + 1}/`}${this.found.length}`;
  }
}
