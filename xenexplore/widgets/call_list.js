// The list of recorded calls: as long as the recording, asked for as it is scrolled.

const ROW = 24, // px; style below
  CHUNK = 100; // lines asked for at once
const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const esc = (text) => String(text).replace(/[&<>"]/g, (sign) => ESCAPES[sign]);

class CallList {
  constructor(model, el) {
    this.model = model;
    this.chunks = new Map();
    this.asked = new Set();
    const heads = model
      .get("columns")
      .map((name) => `<button type="button" data-sort="${name}" aria-pressed="false">${name}</button>`);
    el.innerHTML =
      `<div class="xe-calls" data-lm-suppress-shortcuts="true"><label>Search ` +
      `<input type="search" placeholder="2621, event send, vmalloc"></label><output></output>` +
      `<div class="xe-calls-heads">${heads.join("")}</div>` +
      `<div class="xe-calls-box" role="listbox" tabindex="0" aria-label="Recorded calls"><div></div></div></div>`;
    this.root = el.firstElementChild;
    this.box = el.querySelector(".xe-calls-box");
    this.inner = this.box.firstElementChild;
    this.input = el.querySelector("input");
    this.box.addEventListener("scroll", () => this.draw());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("click", (event) =>
      this.choose(Number(event.target.closest("[data-at]")?.dataset.at ?? -1)),
    );
    this.input.addEventListener("input", () => this.tell({ query: this.input.value }));
    this.root.addEventListener("click", (event) => {
      const sort = event.target.closest("[data-sort]")?.dataset.sort;
      if (sort) this.tell({ sort, down: model.get("sort") === sort && !model.get("down") });
    });
    this.answered = (message) => this.take(message);
    model.on("msg:custom", this.answered);
    this.watched = { "change:found": () => this.anew(), "change:place": () => this.show() };
    for (const [kind, act] of Object.entries(this.watched)) model.on(kind, act);
    this.anew();
  }
  tell(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    this.model.save_changes();
  }
  // Other calls, or the same in another order.
  anew() {
    const { model } = this;
    this.chunks.clear();
    this.asked.clear();
    this.inner.style.height = `${model.get("total") * ROW}px`;
    this.root.querySelector("output").textContent = model.get("count");
    if (this.input !== document.activeElement) this.input.value = model.get("query");
    this.root.querySelectorAll("[data-sort]").forEach((head) => {
      const on = head.dataset.sort === model.get("sort");
      head.setAttribute("aria-pressed", String(on));
      head.dataset.way = on ? (model.get("down") ? "down" : "up") : "";
    });
    this.show();
    this.draw();
  }
  // The chosen call, in sight.
  show() {
    const place = this.model.get("place");
    if (place >= 0) {
      const top = place * ROW,
        room = this.box.clientHeight || 264;
      if (top < this.box.scrollTop || top + ROW > this.box.scrollTop + room)
        this.box.scrollTop = Math.max(0, top - room / 2);
    }
    this.draw();
  }
  line(at) {
    return this.chunks.get(Math.floor(at / CHUNK))?.[at % CHUNK];
  }
  ask(chunk) {
    if (this.asked.has(chunk)) return;
    this.asked.add(chunk);
    this.model.send({ from: chunk * CHUNK, count: CHUNK, found: this.model.get("found") });
  }
  take({ lines, from, found }) {
    if (!lines || found !== this.model.get("found")) return; // of an order that is no more
    this.chunks.set(from / CHUNK, lines);
    this.draw();
  }
  draw() {
    const total = this.model.get("total"),
      place = this.model.get("place");
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 5);
    const last = Math.min(total, first + Math.ceil((this.box.clientHeight || 264) / ROW) + 10);
    const rows = [];
    for (let at = first; at < last; at++) {
      const line = this.line(at);
      if (!line) this.ask(Math.floor(at / CHUNK));
      const cells = line ? line.slice(1).map((cell) => `<span>${esc(cell)}</span>`) : ["<span>…</span>"];
      rows.push(
        `<div class="xe-call" role="option" id="${this.id(at)}" data-at="${at}" aria-selected="${at === place}"` +
          ` style="top: ${at * ROW}px">${cells.join("")}</div>`,
      );
    }
    const html = rows.join("");
    if (html !== this.html) this.inner.innerHTML = this.html = html;
    if (place >= 0) this.box.setAttribute("aria-activedescendant", this.id(place));
  }
  id(at) {
    return `xe-call-${this.model.model_id ?? ""}-${at}`;
  }
  key(event) {
    const page = Math.max(1, Math.floor(this.box.clientHeight / ROW) - 1),
      place = this.model.get("place");
    const to = {
      ArrowDown: place + 1,
      ArrowUp: place - 1,
      PageDown: place + page,
      PageUp: place - page,
      Home: 0,
      End: Infinity,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(Math.min(Math.max(0, to), this.model.get("total") - 1));
  }
  choose(at) {
    if (at < 0) return;
    const line = this.line(at);
    if (!line) this.ask(Math.floor(at / CHUNK)); // the kernel knows which call it is
    if (at === this.model.get("place")) this.show();
    else this.tell({ place: at }); // and the list shows it
  }
  destroy() {
    this.model.off("msg:custom", this.answered);
    for (const [kind, act] of Object.entries(this.watched)) this.model.off(kind, act);
  }
}

function render({ model, el }) {
  const list = new CallList(model, el);
  return () => list.destroy();
}

export default { render };
