// This step: its sentence, the counts so far, what is worth noticing.

class Says extends View {
  constructor(stepper) {
    super(stepper);
    const { setup, calls } = this.run.last;
    this.used = COUNTS.map(([, name], at) => [at, name]).filter(([at]) => calls[at] || setup[at]);
    this.once = this.used.some(([at]) => setup[at]);
    this.counted = [];
  }
  // The table of counts, its numbers still to come.
  html() {
    const head = `<thead${this.once ? "" : ' class="xe-hide"'}><tr><th scope="col"><span class="xe-sr">count</span></th>${this.once ? '<th scope="col">once</th>' : ""}<th scope="col">${this.once ? "calls" : '<span class="xe-sr">calls</span>'}</th></tr></thead>`;
    const rows = this.used.map(([at, name]) => `<tr data-count="${at}"><th scope="row">${name}</th>${this.once ? "<td></td>" : ""}<td></td></tr>`);
    return `<table class="xe-sofar">${head}<tbody>${rows.join("")}</tbody></table>`;
  }
  draw() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    parts.count.innerHTML = `step <b>${index.toLocaleString("en")}</b> / ${(run.length - 1).toLocaleString("en")}`;
    parts.say.innerHTML = sentence(step.say);
    const cite = run.cite(index);
    if (cite !== this.citeText) parts.cite.textContent = this.citeText = cite;
    const before = this.counted;
    this.counted = [];
    this.used.forEach(([at], row) => {
      const cells = parts.sofar.rows[row].cells;
      const calls = state.calls[at], once = state.setup[at];
      const text = `${once}/${calls}`;
      this.counted[row] = text;
      if (before[row] !== text) {
        cells[cells.length - 1].textContent = calls.toLocaleString("en");
        if (this.once) cells[1].textContent = once.toLocaleString("en");
      }
    });
    this.markCounts(step);
    const notes = this.notes();
    const worth = notes.map(({ at, text, bad }) => `<li class="${bad ? "is-bad" : ""}">${at === undefined || at === index ? warned(bad, text) : `<button type="button" data-go="${at}">${warned(bad, text)}</button>`}</li>`).join("");
    if (worth === this.worthHtml) return;
    parts.worthhead.hidden = !notes.length;
    parts.views.classList.toggle("is-plain", !notes.length);
    parts.worth.innerHTML = this.worthHtml = worth;
  }
  // The counts that this step changed.
  markCounts(step) {
    const changed = new Set();
    tally(step, (name, value) => { if (value) changed.add(COUNT_AT[name]); });
    if (this.run.walkBegins[this.index]) changed.add(COUNT_AT.walks);
    this.used.forEach(([at], row) => this.parts.sofar.rows[row].classList.toggle("is-now", changed.has(at)));
  }
  // What deserves a second look: recorded hazards and lost checks of this call, and
  // what the addresses on show say together.
  notes() {
    const { run, index, state, focus } = this;
    const found = [];
    const scope = [...run.ancestors(index), index].find((at) => run.steps[at].kind === "action" || run.steps[at].kind === "hypercall") ?? 0;
    for (const at of state.worth.filter((i) => i >= scope && i <= index).slice(-4).reverse())
      found.push({ at, text: sentence(run.steps[at].say), bad: run.steps[at].kind !== "note" });
    const chunk = focus.chunk;
    if (chunk && chunk.missed >= 0 && chunk.missed <= index && focus.va !== null) {
      const buffer = this.machine.bufferAt(focus.va);
      const page = buffer ? Number((pageOf(focus.va) - pageOf(buffer.va)) / PAGE) : -1;
      const alias = page >= 0 ? buffer.aliases[page] : null;
      const asked = run.steps[chunk.missed];
      const covers = alias !== null && alias !== undefined && state.table(tableKey(asked.asked, asked.shared)).slots.some((s) => s.va <= alias && alias < s.va + s.size);
      if (covers) found.push({ text: `A registered range covers the <em>frame</em>, by its directmap alias (dashed). It does not cover the <em>address</em>: the page is mapped a second time, in ${esc(this.machine.regionAt(focus.va)?.name || buffer.kind)}.` });
    }
    const step = run.steps[index];
    const lookup = this.lookup();
    if (lookup && lookup.asked !== lookup.subject) found.push({ text: `The access is about vCPU ${lookup.subject}; vCPU ${lookup.asked}’s table was searched.`, bad: true });
    else if (step.kind === "copy" && step.current !== step.subject) found.push({ text: `The copy is about vCPU ${step.subject} and runs on vCPU ${step.current}.` });
    if (focus.chunks.length > 1 && step.kind === "copy") found.push({ text: `The copy falls into ${focus.chunks.length} pieces; each is found on its own.` });
    return found.slice(0, 4);
  }
}
