// The stepper: one recorded path, its linked views, and several paths side by side.
//
// One plain ES module: no imports, no build step.  JupyterLab runs it as an
// anywidget (the default export); a one-file export calls mount().  All that is
// shown comes from the recorded steps of "xenexplore.path/1"; nothing here
// decides what Xen does.

// ---------------------------------------------------------------- numbers

const PAGE = 4096n;
const big = (value) => (value === undefined || value === null ? null : BigInt(value));
const hex = (value, digits = 0) => value.toString(16).padStart(digits, "0");
const pageOf = (value) => value & ~(PAGE - 1n);
const frameOf = (value) => value >> 12n;

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const esc = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);

// Digits in groups, set apart by space that is not copied with them.
const spaced = (parts) =>
  parts.map((part, at) => (at ? `<span class="xe-g">${part}</span>` : part)).join("");
const number = (parts, key) =>
  `<span class="xe-n"${key ? ` data-k="${key}"` : ""}>${spaced(parts)}</span>`;
const linearParts = (value) => [hex(value >> 32n, 8), hex(value & 0xffffffffn, 8)];
const physicalParts = (value) => [hex(frameOf(value), 5), hex(value & 0xfffn, 3)];
const linear = (value) => number(linearParts(value), `vp:${hex(frameOf(value))}`);
const physical = (value) => number(physicalParts(value), `gfn:${hex(frameOf(value))}`);
const frame = (value) => number([hex(value, 5)], `gfn:${hex(value)}`);
const machine = (value) => number([hex(value, 5)], `mfn:${hex(value)}`);
const raw = (value) => number(hex(value, 16).match(/.{4}/g));
const handle = (value) => (value >> 40n ? linear(value) : physical(value));
const svgNumber = (parts) =>
  parts.map((part, at) => `<tspan${at ? ' dx="3"' : ""}>${part}</tspan>`).join("");

const UNITS = [[1n << 40n, "TiB"], [1n << 30n, "GiB"], [1n << 20n, "MiB"], [1n << 10n, "KiB"]];
function size(value) {
  const bytes = BigInt(value);
  for (const [unit, name] of UNITS)
    if (bytes >= unit && bytes % unit === 0n) return `${(bytes / unit).toLocaleString("en")} ${name}`;
  return bytes === 1n ? "1 byte" : `${bytes.toLocaleString("en")} bytes`;
}
const plural = (count, noun, many) => `${count.toLocaleString("en")} ${count === 1 ? noun : many || `${noun}s`}`;

// A recorded sentence, its long numbers spelled as the views spell them.
function sentence(text) {
  return esc(text)
    .replace(/\b(\d{6,}) bytes/g, (_, digits) => size(digits))
    .replace(/\b0x([0-9a-f]{9,16})\b/g, (_, digits) => handle(BigInt(`0x${digits}`)))
    .replace(/\b0x[0-9a-f]{3,8}\b/g, (found) => `<span class="xe-n">${found}</span>`);
}
const paragraphs = (text) => text.split(/\n\s*\n/).filter((part) => part.trim()).map((part) => `<p>${esc(part.trim())}</p>`).join("");
const warned = (bad, text) => (bad ? `<span class="xe-warn" aria-hidden="true">▲</span> ${text}` : text);
const plain = (html) => html.replace(/<[^>]*>/g, "");

// ---------------------------------------------------------------- words

const REGISTERS = ["rdi", "rsi", "rdx", "r10", "r8"];
const ORDERS = { 0: "4K", 9: "2M", 18: "1G" };
const COPIES = { from: "copy in", to: "copy out", clear: "clear" };
const tableName = (vcpu, shared) => (shared ? "domain" : `vCPU ${vcpu}`);
const errno = (step) => (step.name ? `-${step.name}` : step.value);

// What a step is called on a row and on the line of time: label, main part, side, tone.
const WORDS = {
  action: (s) => [`vCPU ${s.vcpu}`, sentence(s.detail), ""],
  phase: (s) => [s.name, sentence(s.detail || ""), s.who === "xen" ? "Xen" : "guest"],
  hypercall: (s) => ["call", esc(s.name), s.leg ? `continuation ${s.leg}` : ""],
  exit: (s) => ["exit", `vCPU ${s.vcpu}`, esc(s.instruction)],
  copy: (s) => [COPIES[s.direction], `${handle(big(s.handle))} <small>${size(s.size)}</small>`, esc(s.role.split(":")[0]).replace(/_/g, "_<wbr>")],
  piece: (s) => ["piece", `${handle(big(s.handle))} <small>${size(s.size)}</small>`, ""],
  move: (s) => [
    "bytes",
    `${size(s.size)} ${s.direction === "from" ? "from" : "to"} ${physical(big(s.gpa))}`,
    s.meant !== s.gpa
      ? `wrong: meant ${s.meant ? physical(big(s.meant)) : "nothing mapped"}`
      : s.spoilt || "as meant",
    s.meant !== s.gpa || s.spoilt ? "bad" : "good",
  ],
  "copy-failed": (s) => ["failed", `${size(s.reported)} reported uncopied`, `${size(s.moved)} moved`, "bad"],
  "list-read": (s) => [`list [${s.element}]`, `${physical(big(s.gpa))} → ${s.meaning} ${s.meaning === "address" ? physical(big(s.value)) : `<span class="xe-n">${hex(big(s.value))}</span>`}`, ""],
  unchecked: (s) =>
    s.would_fail
      ? ["unchecked", `${s.write ? "written" : "read"}; today: ${sentence(s.would_fail)}`, "check lost", "bad"]
      : ["unchecked", `${s.write ? "written" : "read"} without today’s checks`, s.flags_not_set ? `${esc(s.flags_not_set)} not set` : ""],
  hazard: (s) => ["hazard", `${esc(s.name)}: ${sentence(s.detail)}`, "", "bad"],
  refusal: (s) => ["refused", sentence(s.reason), "", "bad"],
  registers: (s) => [s.way === "in" ? "load" : "store", `<span class="xe-n">${esc(s.registers.join(" "))}</span>`, esc(s.role)],
  return: (s) => ["return", `${esc(errno(s))}${s.what ? `, ${esc(s.what)}` : s.value ? "" : ", success"}`, `vCPU ${s.vcpu}`, s.value < 0 ? "bad" : ""],
  note: (s) => ["note", sentence(s.text), ""],
  flip: (s) => ["flip", `gfn ${frame(big(s.gfn))}`, s.shared ? "shared with Xen" : "private again"],
  "guest-copy": (s) => [s.inbound ? "bounce" : "unbounce", `${linear(big(s.source))} → ${linear(big(s.target))}`, size(s.size)],
  "guest-translate": (s) => ["va → pa", `${linear(big(s.va))} → ${s.gpa ? physical(big(s.gpa)) : "nothing"}`, esc(s.how)],
  "guest-write": (s) => ["write", `${physical(big(s.gpa))} <small>${size(s.size)}</small>`, esc(s.what)],
  "tlb-lookup": (s) => {
    const missed = !s.gpa;
    const slot = s.slot === undefined ? "" : `[${s.slot}] ${esc(s.label || "")}`;
    const main = missed
      ? `${linear(big(s.va))} <small>${size(s.size)}</small>`
      : `${slot} → ${physical(big(s.gpa))}`;
    const part = s.covered && s.covered !== s.size ? `, ${s.covered} of ${s.size} bytes` : "";
    return [`TLB ${s.shared ? "dom" : `v${s.asked}`}`, main,
      `${missed ? (slot ? `${slot} straddles: miss` : "miss") : "hit"}${part} · ${plural(s.compares, "compare")}`,
      missed ? "bad" : "good"];
  },
  "tlb-insert": (s) => ["register", `${linear(big(s.va))} <small>+${size(s.size)}</small> → ${physical(big(s.pa))}`,
    s.result ? `refused: ${sentence(s.reason || "")}` : `${tableName(s.vcpu, s.shared)} [${s.slot}] ${esc(s.label || "")}`,
    s.result ? "bad" : "good"],
  "tlb-purge": (s) => ["purge",
    s.va ? `${linear(big(s.va))} <small>+${size(s.size)}</small>` : s.scope === "all" ? "every entry" : "entries that are not global",
    s.result ? `refused: ${sentence(s.reason || "")}` : s.removed.length ? `${tableName(s.vcpu, s.shared)}: ${plural(s.removed.length, "entry", "entries")} removed` : `${tableName(s.vcpu, s.shared)}: nothing removed`,
    s.result ? "bad" : ""],
  "pte-read": (s) => [`L${s.level} [${s.index}]`, `${physical(big(s.entry_at))} → ${raw(big(s.entry))}`, esc(s.flags)],
  "pte-update": (s) => ["set A/D", `L${s.level} ${physical(big(s.entry_at))}`, bitNames(big(s.before) ^ big(s.after))],
  "p2m-lookup": (s) => ["P2M", `gfn ${frame(big(s.gfn))} → ${s.mfn ? `mfn ${machine(big(s.mfn))}` : "nothing"}`,
    `${esc(s.p2m_type)} ${ORDERS[s.order] || ""}`, s.mfn ? "" : "bad"],
  check: (s) => ["check", sentence(s.name), `${s.passed ? "passes" : "fails"}${s.detail ? ` (${sentence(s.detail)})` : ""}`, s.passed ? "" : "bad"],
  fault: (s) => ["fault", `${esc(s.what)}${s.level ? ` at level ${s.level}` : ""}: ${sentence(s.reason || "")}`,
    s.error_code === undefined ? "" : `error code ${s.error_code.toString(16)}`, "bad"],
};
const bitNames = (bits) => [[0x20n, "A"], [0x40n, "D"]].filter(([bit]) => bits & bit).map(([, n]) => n).join(" ");
function words(step) {
  const [label, main, side, tone = ""] = (WORDS[step.kind] || ((s) => [s.kind, sentence(s.say), ""]))(step);
  return { label, main, side, tone };
}
const clip = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
const shortLabel = (step) =>
  step.kind === "pte-read" ? `L${step.level}`
    : step.kind === "tlb-lookup" ? `TLB ${step.shared ? "dom" : step.asked}`
    : step.kind === "pte-update" ? "A/D"
    : step.kind === "list-read" ? "list"
    : step.kind === "hypercall" ? step.name.split(/[ .]/).pop()
    : step.kind === "action" ? step.name
    : step.kind === "tlb-insert" ? "register"
    : plain(words(step).label);

// ---------------------------------------------------------------- glyphs

// One shape per kind of step, so that colour is never alone; drawn in a 14 × 14 box.
const SHAPES = {
  square: '<path d="M2.5 2.5h9v9h-9z"/>',
  small: '<path d="M4 4h6v6h-6z"/>',
  circle: '<circle cx="7" cy="7" r="4.6"/>',
  dot: '<circle cx="7" cy="7" r="2.4"/>',
  diamond: '<path d="M7 1.4 12.6 7 7 12.6 1.4 7z"/>',
  down: '<path d="M1.6 3h10.8L7 12z"/>',
  up: '<path d="M7 1.6 13 12H1z"/>',
  pill: '<rect x="1" y="3.8" width="12" height="6.4" rx="3.2"/>',
  bar: '<path d="M4.5 2v10M9.5 2v10"/>',
  cross: '<path d="M3 3l8 8M11 3l-8 8"/>',
  arrow: '<path d="M1.5 7h10M8 3.5 11.5 7 8 10.5"/>',
  half: '<path d="M7 2.4a4.6 4.6 0 0 1 0 9.2z"/><circle cx="7" cy="7" r="4.6" fill="none"/>',
  house: '<path d="M2.5 12V6L7 2l4.5 4v6z"/>',
};
const SHAPE_OF = {
  action: "square", hypercall: "square", return: "square", phase: "small", piece: "small", exit: "arrow",
  copy: "pill", move: "pill", "copy-failed": "cross", fault: "cross", refusal: "cross", hazard: "up",
  unchecked: "up", "tlb-lookup": "down", "tlb-insert": "down", "tlb-purge": "down", "p2m-lookup": "diamond",
  "pte-read": "circle", "pte-update": "dot", note: "dot", check: "dot", registers: "bar", flip: "half",
  "list-read": "bar", "guest-copy": "house", "guest-translate": "house", "guest-write": "house",
};
const glyph = (step, classes = "") =>
  `<svg class="xe-glyph ${classes}" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">${SHAPES[SHAPE_OF[step.kind]] || SHAPES.dot}</svg>`;
const isBad = (step) => words(step).tone === "bad";

// ---------------------------------------------------------------- the run, folded

const COUNTS = [
  ["exits", "exits"], ["copies", "copies"], ["walks", "walks"], ["pte_reads", "page-table reads"],
  ["p2m_lookups", "P2M look-ups"], ["p2m_entry_reads", "P2M entry reads"],
  ["tlb_lookups", "TLB look-ups"], ["tlb_hits", "TLB hits"], ["tlb_compares", "TLB compares"],
  ["tlb_inserts", "registrations"], ["tlb_purges", "purges"], ["list_reads", "list reads"],
  ["bytes_from_guest", "bytes from guest"], ["bytes_to_guest", "bytes to guest"],
  ["register_bytes", "bytes in registers"], ["guest_translations", "guest translations"],
  ["guest_bytes_copied", "guest bytes copied"], ["guest_bytes_written", "guest bytes written"],
  ["flips", "encryption flips"], ["unchecked", "unchecked accesses"],
];
const COUNT_AT = Object.fromEntries(COUNTS.map(([name], at) => [name, at]));
const EVERY = 256; // steps between checkpoints of the folded state

function tally(step, add) {
  switch (step.kind) {
    case "exit": return add("exits", 1);
    case "copy": return add("copies", 1);
    case "pte-read": return add("pte_reads", 1);
    case "p2m-lookup": add("p2m_lookups", 1); return add("p2m_entry_reads", step.entry_reads);
    case "tlb-lookup":
      add("tlb_lookups", 1);
      add("tlb_hits", step.gpa ? 1 : 0);
      return add("tlb_compares", step.compares);
    case "tlb-insert": return add("tlb_inserts", 1);
    case "tlb-purge": return add("tlb_purges", 1);
    case "list-read": return add("list_reads", 1);
    case "move": return step.spoilt === "dropped" ? undefined : add(step.direction === "from" ? "bytes_from_guest" : "bytes_to_guest", step.size);
    case "registers": return add("register_bytes", step.size);
    case "guest-translate": return add("guest_translations", 1);
    case "guest-copy": return add("guest_bytes_copied", step.size);
    case "guest-write": return add("guest_bytes_written", step.size);
    case "flip": return add("flips", 1);
    case "unchecked": return add("unchecked", 1);
  }
}

const tableKey = (vcpu, shared) => (shared ? "domain" : Number(vcpu));

// JupyterLab's single-key shortcuts (a, b, x, d d) look at the focused element itself before its
// ancestors, so the mark on the root is not enough: a button inside would insert and delete cells.
const keepKeys = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");

// Everything that has accumulated up to and including one step.
class Folded {
  constructor() {
    this.at = -1;
    this.setup = new Float64Array(COUNTS.length);
    this.calls = new Float64Array(COUNTS.length);
    this.tables = new Map(); // key -> {slots, lookups, hits}; never changed in place
    this.shared = new Map(); // gfn (hex) -> true where a flip made it shared
    this.worth = []; // indices of steps that stay worth noticing
  }
  copy() {
    const twin = new Folded();
    twin.at = this.at;
    twin.setup.set(this.setup);
    twin.calls.set(this.calls);
    twin.tables = new Map(this.tables);
    twin.shared = new Map(this.shared);
    twin.worth = this.worth.slice();
    return twin;
  }
  table(key) {
    return this.tables.get(key) || { slots: [], lookups: 0, hits: 0 };
  }
  take(run, index) {
    const step = run.steps[index];
    const sums = run.inSetup[index] ? this.setup : this.calls;
    tally(step, (name, value) => { sums[COUNT_AT[name]] += value; });
    if (run.walkBegins[index]) sums[COUNT_AT.walks] += 1;
    if (step.kind.startsWith("tlb-")) this.takeTlb(step, index);
    else if (step.kind === "flip") this.shared.set(hex(big(step.gfn)), step.shared);
    if (WORTH.has(step.kind) && worthNoticing(step)) this.worth.push(index);
    this.at = index;
  }
  takeTlb(step, index) {
    const key = tableKey(step.kind === "tlb-lookup" ? step.asked : step.vcpu, step.shared);
    const { slots, lookups, hits } = this.table(key);
    if (step.kind === "tlb-lookup") {
      const hit = Boolean(step.gpa);
      const after = hit ? slots.map((s) => (s.slot === step.slot ? { ...s, hits: s.hits + 1 } : s)) : slots;
      this.tables.set(key, { slots: after, lookups: lookups + 1, hits: hits + (hit ? 1 : 0) });
      return;
    }
    if (step.result) return;
    const gone = new Set((step.kind === "tlb-insert" ? step.replaced : step.removed).map((s) => s.slot));
    const kept = slots.filter((s) => !gone.has(s.slot) && s.slot !== step.slot);
    if (step.kind === "tlb-insert") {
      kept.push({ slot: step.slot, va: big(step.va), pa: big(step.pa), size: BigInt(step.size),
        label: step.label || "", global: step.is_global, space: step.space, hits: 0, since: index });
      kept.sort((a, b) => a.slot - b.slot);
    }
    this.tables.set(key, { slots: kept, lookups, hits });
  }
}
const WORTH = new Set(["hazard", "unchecked", "refusal", "check", "copy-failed", "note", "fault", "move", "tlb-insert"]);
const worthNoticing = (s) =>
  s.kind === "hazard" || s.kind === "refusal" || s.kind === "note" || s.kind === "copy-failed" ||
  (s.kind === "unchecked" && Boolean(s.would_fail)) || (s.kind === "check" && !s.passed) ||
  (s.kind === "move" && (s.meant !== s.gpa || Boolean(s.spoilt))) || s.kind === "fault" ||
  (s.kind === "tlb-insert" && Boolean(s.result));

const UNITS_OF = new Set(["action", "hypercall", "phase", "copy"]);
const LANDMARKS = new Set(["action", "hypercall", "copy"]);

// One path with what is precomputed over it: subtree ends, units, checkpoints.
class Run {
  constructor(data) {
    this.data = data;
    this.steps = data.steps;
    this.cites = data.cites;
    const n = (this.length = data.steps.length);
    this.end = new Int32Array(n);
    this.unit = new Int32Array(n);
    this.inSetup = new Uint8Array(n);
    this.walkBegins = new Uint8Array(n);
    this.landmarks = [];
    for (let i = n - 1; i >= 0; i--) {
      if (this.end[i] <= i) this.end[i] = i + 1;
      const parent = data.steps[i].parent;
      if (parent >= 0 && this.end[parent] < this.end[i]) this.end[parent] = this.end[i];
    }
    const walked = new Set();
    for (let i = 0; i < n; i++) {
      const step = data.steps[i];
      const parent = step.parent;
      const stands = UNITS_OF.has(step.kind) && this.end[i] > i + 1;
      this.unit[i] = stands ? i : parent >= 0 ? this.unit[parent] : -1;
      if (parent >= 0)
        this.inSetup[i] = this.inSetup[parent] || (data.steps[parent].kind === "phase" && data.steps[parent].name === "setup") ? 1 : 0;
      if ((step.kind === "pte-read" || (step.kind === "fault" && step.linear && parent >= 0)) && !walked.has(parent)) {
        walked.add(parent);
        this.walkBegins[i] = 1;
      }
      if (LANDMARKS.has(step.kind)) this.landmarks.push(i);
    }
    this.chunkLists = new Map();
    this.rowLists = new Map();
    this.checkpoints = [new Folded()];
    this.now = new Folded();
    this.last = this.foldAt(n - 1).copy();
  }
  // The folded state at a step: onwards from where we are, or from the nearest checkpoint.
  foldAt(index) {
    let from = this.now;
    const nearest = this.checkpoints[Math.min(Math.floor((index + 1) / EVERY), this.checkpoints.length - 1)];
    if (from.at > index || from.at < nearest.at) from = nearest.copy();
    for (let i = from.at + 1; i <= index; i++) {
      from.take(this, i);
      if ((i + 1) % EVERY === 0 && (i + 1) / EVERY === this.checkpoints.length) this.checkpoints.push(from.copy());
    }
    this.now = from;
    return from;
  }
  ancestors(index) {
    const found = [];
    for (let at = this.steps[index].parent; at >= 0; at = this.steps[at].parent) found.unshift(at);
    return found;
  }
  children(index) {
    const found = [];
    for (let at = index + 1, end = index < 0 ? this.length : this.end[index]; at < end; at = this.end[at]) found.push(at);
    return found;
  }
  hasChildren(index) {
    return this.end[index] > index + 1;
  }
  // The nearest landmark before or after a step.
  landmark(index, way) {
    if (way > 0) return this.landmarks.find((at) => at > index) ?? this.length - 1;
    for (let k = this.landmarks.length - 1; k >= 0; k--) if (this.landmarks[k] < index) return this.landmarks[k];
    return 0;
  }
  rows(unit) {
    if (!this.rowLists.has(unit)) {
      if (this.rowLists.size > 64) this.rowLists.clear();
      this.rowLists.set(unit, rowsOf(this, unit));
    }
    return this.rowLists.get(unit);
  }
  chunks(unit) {
    if (!this.chunkLists.has(unit)) {
      if (this.chunkLists.size > 64) this.chunkLists.clear();
      this.chunkLists.set(unit, chunksOf(this, unit));
    }
    return this.chunkLists.get(unit);
  }
  cite(index) {
    return this.cites[this.steps[index].cite] || "";
  }
}

// ---------------------------------------------------------------- rows of a unit

// The steps under a copy, a phase or a call as rows; a table's P2M look-up and the
// entry read from it are one row of two marks.
function rowsOf(run, unit) {
  const rows = [];
  const deep = unit >= 0 && ["copy", "phase"].includes(run.steps[unit].kind);
  const from = unit;
  const end = unit < 0 ? run.length : run.end[unit];
  let chunk = 0;
  for (let i = Math.max(from, 0); i < end; i = deep || i === unit ? i + 1 : run.end[i]) {
    const step = run.steps[i];
    const last = rows[rows.length - 1];
    if (step.kind === "piece") chunk += 1;
    if (step.kind === "pte-read" && last && last.table === step.level) {
      last.indices.push(i);
      last.step = step;
    } else if (step.kind === "pte-update" && last && last.step.kind === "pte-update") {
      last.indices.push(i);
    } else {
      const level = step.kind === "p2m-lookup" && /^level-(\d) table/.exec(step.purpose || "");
      const folded = !deep && i !== unit && run.hasChildren(i);
      rows.push({ indices: [i], step, table: level ? Number(level[1]) : 0, head: i === unit, chunk, until: folded ? run.end[i] : i + 1 });
    }
  }
  return rows;
}

const PURPOSES = { buffer: "copy", "frame of the linear address": "walk" };
function rowWords(run, row) {
  const found = words(row.step);
  if (row.step.kind === "p2m-lookup" && row.step.purpose) {
    const level = /^level-(\d) table/.exec(row.step.purpose);
    if (level) found.label = `L${level[1]}`;
    else found.side = `${found.side} · ${PURPOSES[row.step.purpose] || esc(row.step.purpose)}`;
  } else if (row.table) {
    const lookup = run.steps[row.indices[0]];
    found.more = lookup.mfn ? `mfn ${hex(big(lookup.mfn))}` : "";
  } else if (row.indices.length > 1 && row.step.kind === "pte-update") {
    const updates = row.indices.map((i) => run.steps[i]);
    found.main = updates.map((s) => `L${s.level}: ${bitNames(big(s.before) ^ big(s.after))}`).join(" · ");
    found.side = "after the walk";
  } else if (row.step.kind === "hypercall") {
    const step = row.step;
    const args = step.args.map((value, at) => `<span class="xe-arg">${REGISTERS[at]} ${big(value) > 0xffffn ? handle(big(value)) : `<span class="xe-n">${hex(big(value))}</span>`}</span>`);
    found.below = `<span class="xe-arg">rax <span class="xe-n">${hex(big(step.number))}</span></span>${args.join("")}`;
  }
  return found;
}

// An entry bit by bit: sixteen groups of four, the fields named under them.
const LOW_BITS = ["P", "RW", "US", "PWT", "PCD", "A", "D", "", "G"];
function bits(step, cBit) {
  const value = big(step.entry);
  const leaf = step.level === 1 || (step.level <= 3 && Boolean(value >> 7n & 1n));
  const names = {};
  LOW_BITS.forEach((name, at) => { if (name) names[at] = name; });
  names[7] = step.level === 1 ? "PAT" : "PS";
  names[63] = "NX";
  if (cBit) names[cBit] = "C";
  if (!leaf) { delete names[6]; delete names[8]; }
  const cell = 10.5, gap = 5;
  const x = (bit) => ((63 - bit) % 32) * cell + Math.floor(((63 - bit) % 32) / 4) * gap + 2;
  const y = (bit) => (bit < 32 ? 54 : 13);
  let out = "";
  for (let bit = 63; bit >= 0; bit--) {
    const on = Boolean(value >> BigInt(bit) & 1n);
    const name = names[bit];
    const field = name ? "flag" : bit >= 12 && bit < 52 ? "addr" : "other";
    out += `<rect class="xe-bit xe-bit-${field}${on ? " is-on" : ""}" x="${x(bit)}" y="${y(bit)}" width="${cell - 2}" height="9"/>`;
    if (name) out += `<text class="xe-bitname${on ? " is-on" : ""}" x="${x(bit) + cell / 2 - 1}" y="${y(bit) + 19 + (bit < 12 ? (bit % 2) * 9 : 0)}" text-anchor="middle">${name}</text>`;
    if (bit % 4 === 3) out += `<text class="xe-nibble" x="${x(bit) + 2 * cell - 1}" y="${y(bit) - 3}" text-anchor="middle">${hex(value >> BigInt(bit - 3) & 15n)}</text>`;
  }
  const under = (high, low, text) => `<path class="xe-span" d="M${x(high)} ${y(low) + 12}H${x(low) + cell - 2}"/><text class="xe-bitname is-on" x="${(x(high) + x(low) + cell) / 2}" y="${y(low) + 21}" text-anchor="middle">${text}</text>`;
  const shift = leaf ? 12 + 9 * (step.level - 1) : 12;
  out += under(51, 32, "address, bits 51:32") + under(31, 12, leaf ? `to 12: a ${size(1n << BigInt(shift))} page` : "to 12: the next table");
  if (leaf) out += `<text class="xe-bitname" x="${(x(62) + x(59) + cell) / 2}" y="${y(62) + 19}" text-anchor="middle">PKEY</text>`;
  const set = esc(step.flags);
  return `<svg class="xe-bits" viewBox="0 0 ${x(0) + cell} 86" role="img" aria-label="Entry ${hex(value, 16)}: ${set}"><title>Entry ${hex(value, 16)}: ${set}</title>${out}</svg>`;
}

// ---------------------------------------------------------------- where a copy goes

// The pieces of a copy as the record shows them: linear address (where there is one),
// guest-physical address and the step from which it is known, and the moves.
function chunksOf(run, unit) {
  const chunks = [];
  if (unit < 0 || run.steps[unit].kind !== "copy") return chunks;
  let now = null;
  const begin = (first, va, bytes) => {
    now = { first, va, size: BigInt(bytes), gpa: null, known: Infinity, moves: [], lookup: -1, missed: -1, meant: null };
    chunks.push(now);
  };
  for (let i = unit + 1; i < run.end[unit]; i++) {
    const s = run.steps[i];
    if (s.kind === "tlb-lookup") {
      begin(i, big(s.va), s.covered || s.size);
      now.lookup = i;
      if (s.gpa) Object.assign(now, { gpa: big(s.gpa), known: i });
      else now.missed = i;
    } else if (s.kind === "piece") {
      const again = now && now.missed >= 0 && now.gpa === null && now.va === big(s.handle);
      if (again) now.size = BigInt(s.size);
      else begin(i, big(s.handle), s.size);
    } else if (s.kind === "unchecked") {
      if (!now || now.moves.length) begin(i, big(s.va), s.size);
      else if (now.va === null) now.va = big(s.va);
    } else if (s.kind === "p2m-lookup" && s.purpose === "frame of the linear address" && now && now.va !== null) {
      Object.assign(now, { gpa: (big(s.gfn) << 12n) | (now.va & 0xfffn), known: i });
    } else if (s.kind === "p2m-lookup" && s.purpose === "buffer" && (!now || now.moves.length)) {
      begin(i, null, 0);
      Object.assign(now, { gpa: big(s.gfn) << 12n, known: i });
    } else if (s.kind === "list-read") {
      if (now && !now.moves.length && now.va === null) chunks.pop();
      now = null;
    } else if (s.kind === "move") {
      if (!now) begin(i, null, 0);
      if (!now.moves.length) {
        now.gpa = big(s.gpa);
        now.known = Math.min(now.known, i);
        now.size = 0n;
        now.meant = big(s.meant);
      }
      now.size += BigInt(s.size);
      now.moves.push(i);
    }
  }
  return chunks;
}

// What the views point at for one step: addresses in both spaces.
function focusOf(run, index) {
  const step = run.steps[index];
  const unit = run.unit[index];
  const focus = { index, va: null, size: 1n, gpa: null, chunk: null, chunks: [], table: null, frame: null, wrong: false, meant: null };
  if (unit >= 0 && run.steps[unit].kind === "copy") {
    focus.chunks = run.chunks(unit);
    for (const chunk of focus.chunks) if (chunk.first <= index) focus.chunk = chunk;
    const chunk = focus.chunk || focus.chunks[0];
    if (chunk) {
      focus.va = chunk.va;
      focus.size = chunk.size || 1n;
      if (focus.chunk && chunk.known <= index) focus.gpa = chunk.gpa;
      const moved = chunk.moves.length && chunk.moves[0] <= index;
      if (moved && chunk.meant !== chunk.gpa) Object.assign(focus, { wrong: true, meant: chunk.meant });
    }
  }
  if (step.kind === "pte-read" || step.kind === "pte-update") focus.table = frameOf(big(step.entry_at));
  if (step.kind === "p2m-lookup") focus.frame = big(step.gfn);
  if (step.kind === "flip") focus.frame = big(step.gfn);
  if (step.kind === "tlb-insert" || (step.kind === "tlb-purge" && step.va))
    Object.assign(focus, { va: big(step.va), size: BigInt(step.size), gpa: step.pa ? big(step.pa) : null });
  if (step.kind === "guest-translate") Object.assign(focus, { va: big(step.va), gpa: big(step.gpa) });
  if (step.kind === "guest-copy") Object.assign(focus, { va: big(step.inbound ? step.source : step.target), size: BigInt(step.size) });
  if (step.kind === "guest-write" || step.kind === "list-read") focus.gpa = big(step.gpa);
  return focus;
}

// ---------------------------------------------------------------- the map

const TOP = 1n << 64n;
const MAIN = new Set(["user", "identity", "directmap", "percpu", "vmalloc", "vmemmap", "image", "stack", "modules"]);

// A monotone scale: `cuts` ascending and, for each interval, a height: fixed in
// pixels, or a share of what the fixed ones leave.  High addresses on top.
class Scale {
  constructor(cuts, heights, top, bottom) {
    let fixed = 0, shares = 0;
    for (const height of heights) {
      if (height.fixed) fixed += height.fixed;
      else shares += height.share;
    }
    const room = bottom - top;
    const squeeze = fixed > room * 0.6 || !shares ? (shares ? room * 0.6 : room) / fixed : 1;
    const factor = shares ? (room - fixed * squeeze) / shares : 0;
    this.cuts = cuts;
    this.ys = [bottom];
    heights.forEach((h, at) => this.ys.push(this.ys[at] - (h.fixed ? h.fixed * squeeze : h.share * factor)));
  }
  y(address) {
    const { cuts, ys } = this;
    if (address <= cuts[0]) return ys[0];
    if (address >= cuts[cuts.length - 1]) return ys[ys.length - 1];
    let low = 0, high = cuts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (cuts[middle] <= address) low = middle;
      else high = middle;
    }
    const part = Number(((address - cuts[low]) * 4096n) / (cuts[low + 1] - cuts[low])) / 4096;
    return ys[low] + (ys[low + 1] - ys[low]) * part;
  }
}

const PARTS = new Set(["percpu", "stack", "image", "directmap"]);
const WHOLES = new Set(["directmap", "image"]);
const isHole = (block) => block.kind === "gap";
const overlaps = (a, b) => a.lo < b.hi && b.lo < a.hi;

// Blocks (regions and gaps) and marks (pages, entries) to a scale.
function scaleOf(blocks, marks, top, bottom, zoom) {
  const cuts = new Set();
  const low = blocks[0].lo, high = blocks[blocks.length - 1].hi;
  for (const part of [...blocks, ...marks])
    for (const at of [part.lo, part.hi]) if (at >= low && at <= high) cuts.add(at);
  const sorted = [...cuts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const heights = [];
  let block = 0;
  const small = marks.filter((mark) => mark.hi - mark.lo <= 64n * PAGE);
  for (let k = 0; k + 1 < sorted.length; k++) {
    while (blocks[block].hi <= sorted[k]) block += 1;
    const here = blocks[block];
    const span = { lo: sorted[k], hi: sorted[k + 1] };
    const marked = small.some((mark) => overlaps(mark, span));
    const head = span.hi === here.hi && !isHole(here);
    const pages = Number((span.hi - span.lo) / PAGE) || 0;
    if (here.apart) heights.push({ fixed: 14 });
    else if (zoom === 2) heights.push({ share: Number(span.hi - span.lo) / 4096 });
    else if (marked) heights.push({ fixed: zoom ? 16 : 8 });
    else if (isHole(here)) heights.push({ share: 9 });
    else heights.push({ share: Math.max(head ? here.weight || 17 : 0, 5 + 0.5 * Math.log2(pages + 1)) });
  }
  return new Scale(sorted, heights, top, bottom);
}

// The picture of one machine: parsed once, drawn for a step.
class MachineMap {
  constructor(machine, steps) {
    this.machine = machine;
    // What a frame was before its first flip (an option's own pages are listed as they ended).
    this.atFirst = new Map();
    for (const step of steps) if (step.kind === "flip" && !this.atFirst.has(hex(big(step.gfn)))) this.atFirst.set(hex(big(step.gfn)), !step.shared);
    this.encrypted = machine.guest.encryption !== "none";
    this.regions = machine.regions.map((r) => ({ name: r.name, kind: r.kind, lo: big(r.start), hi: big(r.end), physical: big(r.physical) }));
    const parse = (r) => ({ name: r.name, kind: r.kind, what: r.what, lo: big(r.start), hi: big(r.end) });
    this.ram = machine.gpa_regions.filter((r) => r.kind !== "kernel").map(parse);
    this.kernel = machine.gpa_regions.filter((r) => r.kind === "kernel").map(parse);
    this.buffers = machine.buffers.map((b, at) => ({
      name: b.name, kind: b.kind, va: big(b.va), size: BigInt(b.size), frames: b.frames.map(big),
      aliases: b.aliases.map(big), shared: b.shared, own: at >= machine.placed, process: b.process,
    }));
    this.frames = new Set(this.buffers.flatMap((b) => b.frames));
    this.tables = runsOf(machine.table_frames.map(big));
    this.types = this.p2mMarks(machine.p2m);
  }
  // P2M runs that are not plain RAM, and RAM that the P2M does not have.
  p2mMarks(runs) {
    if (!runs.length) return [];
    const marks = [];
    const parsed = runs.map((r) => ({ lo: big(r.gfn) << 12n, hi: (big(r.gfn) + BigInt(r.frames)) << 12n, type: r.p2m_type }));
    for (const run of parsed) if (run.type !== "p2m_ram_rw") marks.push({ ...run, cls: "type", name: run.type });
    for (const ram of this.ram.filter((r) => r.kind === "ram")) {
      let at = ram.lo;
      for (const run of parsed.filter((r) => overlaps(r, ram))) {
        if (run.lo > at) marks.push({ lo: at, hi: run.lo, cls: "hole", name: "no P2M entry" });
        if (run.hi > at) at = run.hi;
      }
      if (at < ram.hi) marks.push({ lo: at, hi: ram.hi, cls: "hole", name: "no P2M entry" });
    }
    return marks;
  }
  regionAt(va) {
    return this.regions.find((region) => region.lo <= va && va < region.hi);
  }
  bufferAt(va) {
    return this.buffers.find((b) => b.va <= va && va < b.va + b.size);
  }
}

// Frame numbers as runs [lo, hi) of bytes, near ones joined.
function runsOf(frames) {
  const sorted = [...frames].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const runs = [];
  for (const gfn of sorted) {
    const last = runs[runs.length - 1];
    if (last && gfn - frameOf(last.hi) <= 32n) {
      last.hi = (gfn + 1n) << 12n;
      last.count += 1;
    } else runs.push({ lo: gfn << 12n, hi: (gfn + 1n) << 12n, count: 1 });
  }
  return runs;
}

const ZOOMS = ["space", "region", "page"];
const MOST_MARKS = 24;

function linearBlocks(map, marks, zoom, centre) {
  if (zoom && centre !== null) {
    const region = map.regionAt(centre.va);
    if (zoom === 1 && region) return [{ ...region, weight: 20 }];
    const lo = pageOf(centre.va) > 0n ? pageOf(centre.va) - PAGE : 0n;
    const pages = (pageOf(centre.va + centre.size - 1n) - pageOf(centre.va)) / PAGE;
    let hi = pageOf(centre.va) + ((pages > 3n ? 3n : pages) + 2n) * PAGE;
    if (hi > TOP) hi = TOP;
    const blocks = [];
    for (let at = lo; at < hi; at += PAGE) blocks.push({ name: map.regionAt(at).name, kind: map.regionAt(at).kind, lo: at, hi: at + PAGE, page: true });
    return blocks;
  }
  const blocks = [];
  for (const region of map.regions) {
    const marked = marks.some((mark) => overlaps(mark, region));
    const last = blocks[blocks.length - 1];
    // A part with nothing on it stays inside the whole that it was cut from.
    if (last && !marked && PARTS.has(region.kind) && WHOLES.has(last.kind)) last.hi = region.hi;
    else if (MAIN.has(region.kind) || marked) {
      const big_ = ["directmap", "vmalloc", "user"].includes(region.kind);
      blocks.push({ ...region, weight: big_ ? 26 : 17 });
    } else if (last && isHole(last)) {
      last.hi = region.hi;
      last.names.push(region.name);
    } else blocks.push({ lo: region.lo, hi: region.hi, kind: "gap", names: [region.name] });
  }
  return blocks;
}

function physicalBlocks(map, marks, zoom, centre, frames) {
  if (zoom === 2 && centre !== null) {
    const blocks = [];
    for (const gfn of frames) {
      const lo = gfn << 12n, last = blocks[blocks.length - 1];
      if (last && last.hi < lo) blocks.push({ lo: last.hi, hi: lo, kind: "gap", names: ["other frames"], apart: true });
      blocks.push({ name: "", kind: "ram", lo, hi: lo + PAGE, page: true });
    }
    if (blocks.length) return blocks;
  }
  const blocks = [];
  for (const region of map.ram) {
    const ram = region.kind === "ram";
    const last = blocks[blocks.length - 1];
    if (zoom === 1 && centre !== null && !(region.lo <= centre && centre < region.hi)) continue;
    if (ram || marks.some((mark) => overlaps(mark, region))) blocks.push({ ...region, weight: ram ? 22 : 15 });
    else if (last && isHole(last)) {
      last.hi = region.hi;
      last.names.push(region.name);
    } else blocks.push({ lo: region.lo, hi: region.hi, kind: "gap", names: [region.name] });
  }
  return blocks.length ? blocks : physicalBlocks(map, marks, 0, null, []);
}

// The frames worth showing one by one: those of this piece's neighbours, or of its buffer.
function framesNear(map, focus) {
  const found = new Set();
  const buffer = focus.va === null ? map.buffers[0] : map.bufferAt(focus.va);
  const at = buffer && focus.va !== null ? Number((pageOf(focus.va) - pageOf(buffer.va)) / PAGE) : 0;
  for (const gfn of buffer ? buffer.frames.slice(Math.max(0, at - 1), at + 2) : []) found.add(gfn);
  for (const address of [focus.gpa, focus.meant]) if (address !== null) found.add(frameOf(address));
  for (const gfn of [focus.table, focus.frame]) if (gfn !== null && found.size < 5) found.add(gfn);
  if (found.size === 1) for (const gfn of [...found]) for (const beside of [gfn - 1n, gfn + 1n]) if (beside >= 0n) found.add(beside);
  return [...found].sort((a, b) => (a < b ? -1 : 1));
}

// Labels kept apart: the first come first, later ones move or go.
function spread(labels, gap, top, bottom) {
  const placed = [];
  for (const label of labels) {
    const free = (y) => placed.every((other) => Math.abs(other.y - y) >= gap) && y >= top && y <= bottom;
    const y = [0, gap, -gap, gap / 2, -gap / 2, 2 * gap, -2 * gap].map((d) => label.y + d).find((y) => free(y));
    if (y !== undefined) placed.push({ ...label, y });
  }
  return placed;
}

// Marks of both spaces for one step: the call's buffers, their aliases, registered ranges.
function marksOf(map, focus, state, tables, zoom) {
  const lin = [], phys = [];
  const near = focus.chunks.length ? focus.chunks : [];
  for (const buffer of map.buffers) {
    const keys = buffer.frames.slice(0, 4).map((f) => `gfn:${hex(f)}`).join(" ");
    const words_ = `${buffer.name}: ${size(buffer.size)}, ${buffer.kind}${buffer.own ? ", placed by the option" : ""}${buffer.process ? `, process ${buffer.process}` : ""}`;
    lin.push({ lo: buffer.va, hi: buffer.va + buffer.size, cls: "buf", name: buffer.name, keys: `buf:${buffer.name} vp:${hex(frameOf(buffer.va))} ${keys}`, words: words_, buffer });
    const shown = buffer.frames.length > 6 ? buffer.frames.slice(0, 3) : buffer.frames;
    shown.forEach((gfn, at) => {
      const shared = state.shared.get(hex(gfn)) ?? map.atFirst.get(hex(gfn)) ?? buffer.shared;
      // Seen from near by, only the buffer's own bytes of the frame.
      const first = pageOf(buffer.va) + BigInt(at) * PAGE, base = gfn << 12n;
      const from = zoom === 2 && buffer.va > first ? buffer.va - first : 0n;
      const past = buffer.va + buffer.size - first;
      phys.push({ lo: base + from, hi: base + (zoom === 2 && past < PAGE ? past : PAGE), cls: "buf", name: hex(gfn, 5), shared, keys: `gfn:${hex(gfn)} buf:${buffer.name}`, words: `gfn ${hex(gfn, 5)}: page ${at + 1} of ${buffer.name}${map.encrypted ? (shared ? ", shared" : ", private") : ""}` });
      const alias = buffer.aliases[at];
      if (alias !== null && alias !== pageOf(buffer.va) + BigInt(at) * PAGE)
        lin.push({ lo: alias, hi: alias + PAGE, cls: "alias", name: "", gfn, keys: `vp:${hex(frameOf(alias))} gfn:${hex(gfn)}`, words: `directmap alias of gfn ${hex(gfn, 5)}, page ${at + 1} of ${buffer.name}` });
    });
  }
  for (const chunk of near.slice(0, MOST_MARKS)) {
    if (chunk.va !== null && !map.bufferAt(chunk.va)) lin.push({ lo: chunk.va, hi: chunk.va + chunk.size, cls: "buf", name: "", keys: `vp:${hex(frameOf(chunk.va))}`, words: "a piece of this copy" });
    if (chunk.gpa !== null && !map.frames.has(frameOf(chunk.gpa))) phys.push({ lo: pageOf(chunk.gpa), hi: pageOf(chunk.gpa) + PAGE, cls: "touched", name: hex(frameOf(chunk.gpa), 5), keys: `gfn:${hex(frameOf(chunk.gpa))}`, words: `gfn ${hex(frameOf(chunk.gpa), 5)}` });
  }
  for (const run of map.tables) phys.push({ ...run, cls: "tables", name: "", keys: "", words: `${plural(run.count, "page-table frame")}` });
  for (const mark of map.types) phys.push({ ...mark, keys: "", words: mark.name });
  const entries = tables.flatMap(([key, table]) => table.slots.slice(0, 16).map((slot) => ({ ...slot, key })));
  return { lin, phys, entries };
}

// The part of the map that stays while one copy is stepped through, as SVG text, and
// the scales that the moving part is drawn to.
function drawGround(map, view) {
  const { focus, state, tables, zoom, width, height, uid, selected } = view;
  const marks = marksOf(map, focus, state, tables, zoom);
  const centre = selected !== null ? { va: selected, size: 1n } : focus.va !== null ? { va: focus.va, size: focus.size } : map.buffers.length ? { va: map.buffers[0].va, size: map.buffers[0].size } : null;
  const gpaCentre = focus.gpa ?? (map.buffers.length ? map.buffers[0].frames[0] << 12n : null);
  const top = 18, bottom = height - 8;
  const x0 = 108, linWidth = Math.max(80, Math.min(108, (width - 108 - 96) * 0.42)), x1 = x0 + linWidth;
  const gap = Math.max(44, Math.min(150, width - x1 - 46 - 76)), p0 = x1 + gap, p1 = p0 + 46;
  const linBlocks = linearBlocks(map, marks.lin, zoom, centre);
  const physBlocks = physicalBlocks(map, marks.phys, zoom, gpaCentre, framesNear(map, focus));
  const snap = (lo, hi) => (zoom === 2 ? { lo, hi } : { lo: pageOf(lo), hi: pageOf(hi + PAGE - 1n) });
  const edges = marks.entries.map((e) => snap(e.va, e.va + e.size));
  const physEdges = marks.entries.map((e) => snap(e.pa, e.pa + e.size));
  const lin = scaleOf(linBlocks, [...marks.lin, ...edges], top, bottom, zoom);
  const phys = scaleOf(physBlocks, [...marks.phys, ...map.kernel, ...physEdges], top, bottom, zoom);
  const linLow = linBlocks[0].lo, linHigh = linBlocks[linBlocks.length - 1].hi;
  const physLow = physBlocks[0].lo, physHigh = physBlocks[physBlocks.length - 1].hi;
  const inLin = (m) => m.lo < linHigh && m.hi > linLow, inPhys = (m) => m.lo < physHigh && m.hi > physLow;
  const out = [], addresses = [], names = [], barNames = [];

  // Bands: what each registered range joins.
  for (const e of marks.entries.filter((e) => inLin({ lo: e.va, hi: e.va + e.size })).slice(0, 6)) {
    const a = lin.y(e.va + e.size), b = lin.y(e.va), c = phys.y(e.pa + e.size), d = phys.y(e.pa);
    out.push(`<path class="xe-band" d="M${x1} ${a}L${p0} ${c}V${d}L${x1} ${b}z" data-k="slot:${e.key}:${e.slot}"/>`);
  }
  for (const block of linBlocks) {
    const [y, h] = span(lin, block);
    if (isHole(block)) {
      const text = `${block.names.join(", ")}: ${hex(block.lo, 16)} to ${hex(block.hi - 1n, 16)}`;
      out.push(`<path class="xe-gap" d="M${x0} ${y}v${h}M${x1} ${y}v${h}"/><rect class="xe-hit" x="${x0}" y="${y}" width="${linWidth}" height="${h}"${tip(text)}/>`);
      continue;
    }
    out.push(`<rect class="xe-region" x="${x0}" y="${y + 0.5}" width="${linWidth}" height="${Math.max(1, h - 1)}" data-va="${hex(block.lo)}"${tip(`${block.name}: ${hex(block.lo, 16)}, ${size(block.hi - block.lo)}`)}/>`);
    if (h >= 12) out.push(`<text class="xe-rname" x="${x0 + 7}" y="${y + Math.min(h / 2 + 4, 13)}">${esc(block.page ? "" : block.name)}</text>`);
    addresses.push({ y: y + h - 2, parts: linearParts(block.lo), quiet: true });
  }
  for (const block of physBlocks) {
    const [y, h] = span(phys, block);
    const text = isHole(block) ? `no RAM: ${block.names.join(", ")}` : `${block.name || block.what || ""} ${hex(block.lo, 8)}, ${size(block.hi - block.lo)}${block.kind === "ram" && map.encrypted ? ", private unless shared" : ""}`;
    if (isHole(block)) {
      out.push(`<path class="xe-gap" d="M${p0} ${y}v${h}M${p1} ${y}v${h}"/><rect class="xe-hit" x="${p0}" y="${y}" width="46" height="${h}"${tip(text)}/>`);
      if (!block.apart) names.push({ y: y + h / 2 + 3, text: "no RAM", rank: 5 });
    } else {
      out.push(`<rect class="xe-region" x="${p0}" y="${y + 0.5}" width="46" height="${Math.max(1, h - 1)}"${tip(text)}/>`);
      if (block.kind === "ram" && map.encrypted) out.push(`<rect class="xe-private" x="${p0}" y="${y + 0.5}" width="46" height="${Math.max(1, h - 1)}" fill="url(#${uid}-hatch)"/>`);
      if (!block.page) names.push({ y: y + Math.min(10, h / 2 + 3), text: block.name, rank: 2 });
      else names.push({ y: y + h - 4, text: hex(frameOf(block.lo), 5), mono: true, rank: 2 });
    }
  }
  for (const part of map.kernel.filter(inPhys)) {
    const [y, h] = span(phys, part);
    out.push(`<path class="xe-part" d="M${p0} ${y + 0.5}h46M${p0} ${y + h - 0.5}h46"/><rect class="xe-hit" x="${p0}" y="${y}" width="46" height="${h}"${tip(`${part.name}: ${part.what}`)}/>`);
    if (zoom < 2) names.push({ y: y + h / 2 + 3, text: part.name, rank: 3 });
  }
  for (const entry of marks.entries) {
    const key = `slot:${entry.key}:${entry.slot}`;
    const words_ = `registered, ${tableLabel(entry.key)} [${entry.slot}] ${entry.label}: ${hex(entry.va, 16)} + ${size(entry.size)} is guest-physical ${hex(entry.pa, 8)}`;
    const range = { lo: entry.va, hi: entry.va + entry.size };
    if (inLin(range)) {
      const [y, h] = span(lin, range, 4);
      out.push(`<rect class="xe-reg" x="${x0 + 1}" y="${y + 0.5}" width="${linWidth - 2}" height="${Math.max(3, h - 1)}"${tip(words_, key)}/>`);
      if (h > 30) out.push(`<text class="xe-regname" x="${x0 + 7}" y="${y + 26}">registered [${entry.slot}]</text>`);
    }
  }
  for (const mark of marks.lin.filter(inLin)) {
    const [y, h] = span(lin, mark, 5);
    out.push(`<rect class="xe-mark xe-${mark.cls}${h > 24 ? " is-large" : ""}" x="${x0 + 1}" y="${y}" width="${linWidth - 2}" height="${h}"${tip(mark.words, mark.keys)}/>`);
    if (mark.cls === "buf") addresses.unshift({ y: y + h / 2 + 3, parts: linearParts(mark.lo) });
    if (mark.cls === "buf" && mark.name && h >= 12) barNames.push(`<text class="xe-barname${h > 24 ? " is-large" : ""}" x="${x0 + 7}" y="${y + h / 2 + 3.5}">${esc(mark.name)}</text>`);
  }
  for (const mark of marks.phys.filter(inPhys)) {
    const [y, h] = span(phys, mark, mark.cls === "tables" ? 4 : 5);
    if (mark.cls === "tables") out.push(`<path class="xe-tables" d="M${p0 + 4} ${y}v${h}M${p0 + 8} ${y}v${h}M${p0 + 12} ${y}v${h}"/><rect class="xe-hit" x="${p0}" y="${y}" width="16" height="${Math.max(h, 6)}"${tip(mark.words)}/>`);
    else if (mark.cls === "hole" || mark.cls === "type") out.push(`<rect class="xe-p2m xe-p2m-${mark.cls}" x="${p0 + 1}" y="${y}" width="44" height="${h}"${tip(mark.words)}/>`);
    else {
      const state_ = map.encrypted && mark.cls === "buf" ? (mark.shared ? " is-shared" : " is-private") : "";
      out.push(`<rect class="xe-mark xe-${mark.cls}${state_}${h > 24 ? " is-large" : ""}" x="${p0 + 1}" y="${y}" width="44" height="${h}"${tip(mark.words, mark.keys)}/>`);
      if (state_ === " is-private") out.push(`<rect class="xe-private" x="${p0 + 1}" y="${y}" width="44" height="${h}" fill="url(#${uid}-hatch)"/>`);
      names.push({ y: y + h / 2 + 3, text: mark.name, mono: true, cls: mark.cls, rank: 1 });
    }
    if (mark.cls === "tables" && zoom < 2) names.push({ y: y + h / 2 + 3, text: "page tables", rank: 4 });
  }
  const at = { lin, phys, x0, x1, p0, p1, gap, linWidth, inLin, inPhys };
  for (const mark of marks.lin.filter((m) => m.cls === "alias" && inLin(m)).slice(0, MOST_MARKS))
    out.push(curve(at, "alias", middle(lin, mark), phys.y((mark.gfn << 12n) + 2048n), mark.keys));
  const order = addresses.sort((a, b) => (a.quiet ? 1 : 0) - (b.quiet ? 1 : 0));
  const once = new Set();
  for (const label of spread(order.filter(({ parts }) => !once.has(parts.join()) && once.add(parts.join())), 11, top + 6, bottom))
    out.push(`<text class="xe-addr${label.quiet ? " is-quiet" : ""}" x="${x0 - 9}" y="${label.y}" text-anchor="end">${svgNumber(label.parts)}</text>`);
  for (const label of spread(uniqueNames(names), 11, top + 6, bottom))
    out.push(`<text class="xe-pname ${label.mono ? "is-mono" : ""} xe-pname-${label.cls || "quiet"}" x="${p1 + 6}" y="${label.y}">${esc(label.text)}</text>`);
  const heads = `<text class="xe-axis" x="${x0}" y="11">linear</text><text class="xe-axis" x="${p0}" y="11">guest-physical</text>`;
  const html = `<svg class="xe-mapsvg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${uid}-mt ${uid}-md"><title id="${uid}-mt">Linear and guest-physical address space, ${ZOOMS[zoom]} view</title><desc id="${uid}-md"></desc><defs><pattern id="${uid}-hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="xe-hatchline" d="M0 0v6"/></pattern></defs><g>${out.join("")}${heads}</g><g class="xe-over"></g><g>${barNames.join("")}</g></svg>`;
  return { html, at };
}
const tip = (text, keys) => `${keys ? ` data-k="${esc(keys)}"` : ""}${text ? ` data-t="${esc(text)}"` : ""}`;
const middle = (scale, mark) => (scale.y(mark.lo) + scale.y(mark.hi)) / 2;
const curve = ({ x1, p0, gap }, cls, from, to, key) =>
  `<path class="xe-curve xe-curve-${cls}" d="M${x1} ${from}C${x1 + gap * 0.45} ${from} ${p0 - gap * 0.45} ${to} ${p0} ${to}"${key ? ` data-k="${key}"` : ""}/>`;
// Top and height of a mark, at least so high that it can be seen.
function span(scale, mark, least = 3) {
  const low = scale.y(mark.lo), high = scale.y(mark.hi);
  return low - high >= least ? [high, low - high] : [(low + high) / 2 - least / 2, least];
}

// The part that moves: this step's addresses, and the curves between the spaces.
function drawMoving(map, view, at) {
  const { focus, zoom, index } = view;
  const { lin, phys, x0, x1, p0, p1, linWidth, inLin, inPhys } = at;
  const out = [];
  const label = (gfn, y, cls) => `<text class="xe-pname is-mono is-over xe-pname-${cls}" x="${p1 + 6}" y="${y + 3}">${hex(gfn, 5)}</text>`;
  for (const chunk of focus.chunks.slice(0, MOST_MARKS))
    if (chunk !== focus.chunk && chunk.gpa !== null && chunk.va !== null && chunk.known <= index)
      out.push(curve(at, "done", middle(lin, { lo: chunk.va, hi: chunk.va + chunk.size }), phys.y(chunk.gpa), `gfn:${hex(frameOf(chunk.gpa))}`));
  for (const gfn of [focus.table, focus.frame]) {
    const mark = gfn === null ? null : { lo: gfn << 12n, hi: (gfn + 1n) << 12n };
    if (!mark || !inPhys(mark) || (focus.gpa !== null && frameOf(focus.gpa) === gfn)) continue;
    const [y, h] = span(phys, mark, 6);
    out.push(`<rect class="xe-mark xe-table-now" x="${p0 + 1}" y="${y}" width="44" height="${h}" data-k="gfn:${hex(gfn)}"/><text class="xe-pname is-mono is-over xe-pname-table" x="${p0 - 5}" y="${y + h / 2 + 3}" text-anchor="end">${hex(gfn, 5)}</text>`);
  }
  if (focus.meant !== null && inPhys({ lo: focus.meant, hi: focus.meant + 1n })) {
    const [y, h] = span(phys, { lo: pageOf(focus.meant), hi: pageOf(focus.meant) + PAGE }, 6);
    out.push(`<rect class="xe-mark xe-meant" x="${p0 + 1}" y="${y}" width="44" height="${h}"${tip("the frame that the caller meant", `gfn:${hex(frameOf(focus.meant))}`)}/>`);
    if (focus.va !== null) out.push(curve(at, "meant", middle(lin, { lo: focus.va, hi: focus.va + focus.size }), phys.y(focus.meant), ""));
  }
  const here = focus.va === null ? null : { lo: focus.va, hi: focus.va + focus.size };
  if (here && inLin(here)) {
    const [y, h] = span(lin, here, 6);
    out.push(`<rect class="xe-mark xe-now" x="${x0 + 1}" y="${y}" width="${linWidth - 2}" height="${h}" data-k="vp:${hex(frameOf(focus.va))}"/><path class="xe-pointer" d="M${x0 - 1} ${y + h / 2}l-6 -4v8z"/>`);
    out.push(`<rect class="xe-knock" x="0" y="${y + h / 2 - 10}" width="${x0 - 8}" height="20"/><text class="xe-addr is-now" x="${x0 - 9}" y="${y + h / 2 + 3}" text-anchor="end">${svgNumber(linearParts(focus.va))}</text>`);
  }
  if (focus.gpa !== null) {
    const mark = zoom === 2 ? { lo: focus.gpa, hi: focus.gpa + focus.size } : { lo: pageOf(focus.gpa), hi: pageOf(focus.gpa) + PAGE };
    const [y, h] = span(phys, mark, 6);
    out.push(`<rect class="xe-mark xe-now${focus.wrong ? " is-wrong" : ""}" x="${p0 + 1}" y="${y}" width="44" height="${h}" data-k="gfn:${hex(frameOf(focus.gpa))}"/>`);
    if (here) out.push(curve(at, focus.wrong ? "wrong" : "now", middle(lin, here), y + h / 2, ""));
    else if (focus.chunks.length) out.push(`<path class="xe-curve xe-curve-now" d="M${p0 - 34} ${y + h / 2}h30m-6 -4l6 4l-6 4"/><text class="xe-handle" x="${p0 - 36}" y="${y + h / 2 - 5}">handle</text>`);
    if (focus.wrong) out.push(`<path class="xe-cross" d="M${p1 + 44} ${y + h / 2 - 4}l8 8m0 -8l-8 8"/>`);
    out.push(label(frameOf(focus.gpa), y + h / 2, focus.wrong ? "wrong" : "now"));
  }
  const desc = focus.va === null ? "No address at this step." : `Linear ${hex(focus.va, 16)}${focus.gpa === null ? ", not translated yet" : ` is guest-physical ${hex(focus.gpa, 8)}`}${focus.wrong ? ", the wrong frame" : ""}.`;
  return { html: out.join(""), desc };
}
function uniqueNames(names) {
  const seen = new Set();
  return names.sort((a, b) => a.rank - b.rank).filter((n) => n.text && !seen.has(n.text) && seen.add(n.text));
}
const tableLabel = (key) => (key === "domain" ? "domain" : `vCPU ${key}`);

// ---------------------------------------------------------------- the stepper

let instances = 0;
const KEYS = "← → step · PgUp PgDn copy or call · Home End · space play · Enter bits or fold · + − zoom";
const ROWS_MOST = 30;
const STATUS = { right: ["✓", "right"], wrong: ["✕", "wrong bytes"], error: ["!", "error"], refused: ["–", "refused"] };

// The Python that shows the same: for a built-in scenario, or one loaded from its file.
const quoted = (text) => JSON.stringify(text);
const python = (...lines) => `<div class="xe-python"><p>The Python that shows this (a built-in's name, or your file's):</p><pre>${esc(["import xenexplore as xe", "", ...lines].join("\n"))}</pre></div>`;


class Stepper {
  constructor(el, data, options = {}) {
    this.run = new Run(data);
    this.options = options;
    this.map = new MachineMap(data.machine, data.steps);
    this.uid = `xe${(instances += 1)}`;
    this.index = -1;
    this.zoom = 0;
    this.selected = null; // a linear address picked on the map
    this.pinned = "";
    this.open = new Set(); // page-table entries shown bit by bit
    this.tablesOpen = new Map(); // table -> opened or closed by hand
    this.folds = new Map(); // step -> folded by hand (true) or unfolded (false)
    this.timer = 0;
    this.rate = 2;
    this.used = COUNTS.map(([, name], at) => [at, name]).filter(([at]) => this.run.last.calls[at] || this.run.last.setup[at]);
    this.once = this.used.some(([at]) => this.run.last.setup[at]);
    this.hasTables = this.run.last.tables.size > 0 || data.steps.some((s) => s.kind.startsWith("tlb-"));
    this.root = document.createElement("div");
    this.root.className = "xe";
    this.build();
    el.append(this.root);
    this.listen();
    this.go(Math.min(Math.max(0, options.step ?? 0), this.run.length - 1), true);
  }
  build() {
    const { data, uid } = { data: this.run.data, uid: this.uid };
    const root = this.root;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Stepper: ${data.scenario.title}, ${data.option.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    const [mark, word] = STATUS[data.outcome.status] || ["", data.outcome.status];
    const guest = data.machine.guest;
    const about = [guest.type.toUpperCase(), guest.kernel, size(guest.memory), plural(guest.vcpus, "vCPU"), guest.encryption === "none" ? "" : `encrypted (${guest.encryption})`].filter(Boolean).join(" · ");
    const given = Object.entries(data.option.given).map(([k, v]) => `${k} = ${Array.isArray(v) ? v.join(", ") : v}`).join(" · ");
    const tail = [data.scenario.question.join(", "), data.scenario.asked && `asked by ${data.scenario.asked}`].filter(Boolean).join(" · ");
    root.innerHTML = `<div class="xe-body">
<header class="xe-head">${this.options.embedded ? "" : `<h2>${esc(data.scenario.title)}</h2>`}<p class="xe-option"><b>${esc(data.option.ident)}</b> ${esc(data.option.title)}${given ? ` <small>${esc(given)}</small>` : ""}</p>
<p class="xe-right"><span class="xe-status xe-status-${data.outcome.status}"><span aria-hidden="true">${mark}</span> ${word}</span><span class="xe-count" aria-hidden="true"></span></p></header>
<details class="xe-about"><summary>${esc(about)}</summary>${this.options.embedded ? "" : paragraphs(data.scenario.text) + paragraphs(tail)}${!this.options.embedded && data.scenario.ours ? paragraphs(`Ours, not said by a reviewer: ${data.scenario.ours}`) : ""}${this.options.embedded ? "" : python(`path = xe.run(xe.load(${quoted(data.scenario.name)}), ${quoted(data.option.label)})`, "xe.Stepper(path)")}<p>${esc(KEYS)}</p></details>
<div class="xe-views">
<section class="xe-map" aria-labelledby="${uid}-h1"><div class="xe-sectionhead"><h3 id="${uid}-h1">Where the buffer lives</h3><span class="xe-zoom" role="group" aria-label="Zoom">${ZOOMS.map((z, at) => `<button type="button" data-act="zoom" data-zoom="${at}" aria-pressed="${at === 0}">${z}</button>`).join("")}</span></div><div class="xe-mapbox" tabindex="0" role="group" aria-label="Address spaces; up and down select"></div><p class="xe-readout" aria-live="polite"></p></section>
<section class="xe-path" aria-labelledby="${uid}-h2"><div class="xe-sectionhead"><h3 id="${uid}-h2">How Xen gets there</h3><span class="xe-where"></span></div><div class="xe-chunks"></div><ol class="xe-rows"></ol>
<div class="xe-tables-view"${this.hasTables ? "" : " hidden"}><h3>Registered buffers</h3><div class="xe-tablelist"></div></div></section>
<section class="xe-this" aria-labelledby="${uid}-h3"><div class="xe-now-part"><div class="xe-sectionhead"><h3 id="${uid}-h3">This step</h3></div><p class="xe-say" aria-live="polite" aria-atomic="true"></p><p class="xe-cite"></p></div><div class="xe-count-part"><h3>So far</h3><table class="xe-sofar"><thead${this.once ? "" : ' class="xe-hide"'}><tr><th scope="col"><span class="xe-sr">count</span></th>${this.once ? '<th scope="col">once</th>' : ""}<th scope="col">${this.once ? "calls" : '<span class="xe-sr">calls</span>'}</th></tr></thead><tbody></tbody></table></div><div class="xe-worth-part"><div class="xe-sectionhead"><h3 class="xe-worthhead">Worth noticing</h3></div><ul class="xe-worth"></ul></div></section></div>
<div class="xe-time"><div class="xe-line" role="group" aria-label="Line of time"></div>
<div class="xe-controls"><button type="button" data-act="prev" aria-label="Previous step">‹</button><button type="button" data-act="play" aria-label="Play" aria-pressed="false">▷</button><button type="button" data-act="next" aria-label="Next step">›</button>
<div class="xe-scrub"><svg class="xe-ticks" aria-hidden="true" preserveAspectRatio="none"></svg><input type="range" min="0" max="${this.run.length - 1}" step="1" value="0" aria-label="Step"></div>
<label class="xe-rate"><span class="xe-sr">Speed</span><select>${[1, 2, 5, 20].map((r) => `<option value="${r}"${r === 2 ? " selected" : ""}>${r}/s</option>`).join("")}</select></label></div></div></div>`;
    const find = (name) => root.querySelector(`.xe-${name}`);
    this.parts = Object.fromEntries(["count", "mapbox", "readout", "where", "chunks", "rows", "tablelist", "say", "cite", "worth", "worthhead", "line", "scrub", "ticks", "views", "map"].map((n) => [n, find(n)]));
    this.range = root.querySelector("input[type=range]");
    const body = root.querySelector(".xe-sofar tbody");
    body.innerHTML = this.used.map(([at, name]) => `<tr data-count="${at}"><th scope="row">${name}</th>${this.once ? "<td></td>" : ""}<td></td></tr>`).join("");
    this.countRows = [...body.rows];
    this.drawTicks();
  }
  // Where calls begin and where something goes wrong, on the scrubber.
  drawTicks() {
    const n = Math.max(1, this.run.length - 1);
    const at = (i) => ((i / n) * 1000).toFixed(1);
    const seen = new Set(), calls = [], bad = [];
    this.run.steps.forEach((step, i) => {
      const spot = Math.round((i / n) * 400);
      const call = step.kind === "hypercall" || step.kind === "action";
      const wrong = step.kind === "hazard" || step.kind === "refusal" || (step.kind === "move" && isBad(step)) || step.kind === "copy-failed";
      const key = `${call ? "c" : "b"}${spot}`;
      if ((call || wrong) && !seen.has(key)) {
        seen.add(key);
        if (wrong) bad.push(i);
        else calls.push(i);
      }
    });
    this.parts.ticks.setAttribute("viewBox", "0 0 1000 20");
    this.parts.ticks.innerHTML = `<path class="xe-tick" d="${calls.map((i) => `M${at(i)} 3v4`).join("")}"/><path class="xe-tick is-bad" d="${bad.map((i) => `M${at(i)} 0v7`).join("")}"/>`;
  }
  listen() {
    const { root } = this;
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(root, "keydown", (event) => this.key(event));
    on(root, "focusin", keepKeys);
    on(root, "click", (event) => this.click(event));
    on(root, "pointerover", (event) => this.hover(event.target.closest?.("[data-k],[data-t]")));
    on(root, "pointerleave", () => this.hover(null));
    on(this.range, "input", () => this.go(Number(this.range.value)));
    on(root.querySelector("select"), "change", (event) => {
      this.rate = Number(event.target.value);
      if (this.timer) this.play(true);
    });
    this.width = 0;
    this.resize = new ResizeObserver(() => {
      const width = Math.round(this.root.clientWidth);
      if (width !== this.width && width > 0) {
        this.width = width;
        this.measure();
        this.render();
      }
    });
    this.resize.observe(root);
  }
  destroy() {
    this.play(false);
    this.abort.abort();
    this.resize.disconnect();
    this.root.remove();
  }
  // ---- acting
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target;
    const tag = target.tagName;
    if (tag === "SELECT") return;
    const control = tag === "BUTTON" || tag === "SUMMARY";
    const act = {
      ArrowRight: () => this.step(1), j: () => this.step(1), ArrowLeft: () => this.step(-1), k: () => this.step(-1),
      Home: () => this.go(0), End: () => this.go(this.run.length - 1),
      PageDown: () => this.go(this.run.landmark(this.index, 1)), PageUp: () => this.go(this.run.landmark(this.index, -1)),
      " ": control ? null : () => this.play(!this.timer),
      Enter: control && !target.matches(".xe-row") ? null : () => this.enter(),
      "+": () => this.setZoom(this.zoom + 1), "=": () => this.setZoom(this.zoom + 1), "-": () => this.setZoom(this.zoom - 1), 0: () => this.setZoom(0),
      Escape: this.pinned || this.selected !== null ? () => this.unpin() : null,
      ArrowDown: target === this.parts.mapbox ? () => this.cycle(1) : null, ArrowUp: target === this.parts.mapbox ? () => this.cycle(-1) : null,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
  click(event) {
    const act = event.target.closest("[data-act]");
    const go = event.target.closest("[data-go]");
    if (act) {
      const kind = act.dataset.act;
      if (kind === "prev") this.step(-1);
      else if (kind === "next") this.step(1);
      else if (kind === "play") this.play(!this.timer);
      else if (kind === "zoom") this.setZoom(Number(act.dataset.zoom));
      else if (kind === "bits") this.toggleBits(Number(act.dataset.at));
      else if (kind === "table") {
        this.tablesOpen.set(act.dataset.table, act.getAttribute("aria-expanded") !== "true");
        this.drawTables();
        this.root.querySelector(`[data-table="${act.dataset.table}"]`)?.focus();
      } else if (kind === "fold") this.fold(Number(act.dataset.at));
    } else if (go) {
      this.go(Number(go.dataset.go));
    } else this.pick(event.target.closest(".xe-mapsvg [data-k],.xe-mapsvg [data-t],[data-k]"));
  }
  step(way) {
    let next = this.index + way;
    // A group folded by hand is stepped over.
    const around = this.run.ancestors(Math.min(Math.max(next, 0), this.run.length - 1)).find((at) => this.folds.get(at) === true);
    if (around !== undefined) next = way > 0 ? this.run.end[around] : around;
    this.go(next);
  }
  go(index, first = false) {
    const to = Math.min(Math.max(0, index), this.run.length - 1);
    if (to === this.index) return;
    this.index = to;
    for (const at of this.run.ancestors(to)) if (this.folds.get(at) === true) this.folds.delete(at);
    this.render();
    if (!first) this.options.onStep?.(to);
  }
  play(on) {
    clearInterval(this.timer);
    this.timer = 0;
    const button = this.root.querySelector('[data-act="play"]');
    button.setAttribute("aria-pressed", String(on));
    button.setAttribute("aria-label", on ? "Pause" : "Play");
    button.textContent = on ? "❚❚" : "▷";
    this.parts.say.setAttribute("aria-live", on ? "off" : "polite");
    if (!on) return;
    if (this.index >= this.run.length - 1) this.go(0);
    this.timer = setInterval(() => {
      this.step(1);
      if (this.index >= this.run.length - 1) this.play(false);
    }, 1000 / this.rate);
  }
  enter() {
    const step = this.run.steps[this.index];
    const row = this.run.rows(this.run.unit[this.index]).find((r) => r.indices.includes(this.index));
    const entry = row && row.indices.find((i) => this.run.steps[i].kind === "pte-read");
    if (entry !== undefined) this.toggleBits(entry);
    else if (this.run.hasChildren(this.index)) this.fold(this.index);
    else if (step.parent >= 0) this.fold(step.parent);
  }
  toggleBits(index) {
    if (this.open.has(index)) this.open.delete(index);
    else this.open.add(index);
    this.shownRows = null;
    this.drawRows();
  }
  fold(index) {
    const folded = this.isFolded(index);
    this.folds.set(index, !folded);
    const inside = index < this.index && this.index < this.run.end[index];
    if (!folded && inside) this.go(index);
    else this.render();
  }
  isFolded(index) {
    const byHand = this.folds.get(index);
    if (byHand !== undefined) return byHand;
    return !(index <= this.index && this.index < this.run.end[index]);
  }
  setZoom(zoom) {
    this.zoom = Math.min(2, Math.max(0, zoom));
    this.root.querySelectorAll('[data-act="zoom"]').forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.zoom) === this.zoom)));
    this.drawMap();
  }
  // ---- linking the views
  hover(target) {
    const keys = target?.dataset.k || "";
    if (keys !== this.lit) this.light(keys);
    if (target?.dataset.t || !target) this.readout(target?.dataset.t || this.pinnedText || "");
  }
  light(keys) {
    this.lit = keys;
    for (const old of this.root.querySelectorAll(".is-lit")) old.classList.remove("is-lit");
    for (const key of new Set(`${keys} ${this.pinned}`.split(" ").filter(Boolean)))
      for (const found of this.root.querySelectorAll(`[data-k~="${CSS.escape(key)}"]`)) found.classList.add("is-lit");
  }
  pick(target) {
    if (!target) return;
    const keys = target.dataset.k || "";
    const again = keys && keys === this.pinned;
    this.pinned = again ? "" : keys;
    this.pinnedText = again ? "" : target.dataset.t || "";
    this.selected = target.dataset.va && !again ? BigInt(`0x${target.dataset.va}`) : null;
    this.drawMap();
    this.light(this.lit || "");
    this.readout(this.pinnedText);
  }
  unpin() {
    this.pinned = this.lit = "";
    this.pinnedText = "";
    this.selected = null;
    this.drawMap();
    this.light("");
    this.readout("");
  }
  readout(text) {
    if (this.parts.readout.textContent !== text) this.parts.readout.textContent = text;
  }
  // Up and down over what the map shows, for those without a pointer.
  cycle(way) {
    const all = [...this.parts.mapbox.querySelectorAll("[data-t]")];
    if (!all.length) return;
    this.cursor = ((this.cursor ?? (way > 0 ? -1 : 0)) + way + all.length) % all.length;
    const target = all[this.cursor];
    this.light(target.dataset.k || "");
    all.forEach((item) => item.classList.toggle("is-cursor", item === target));
    this.readout(target.dataset.t);
  }
  // ---- drawing
  // Sizes are read when they change, not at every step: reading them makes the
  // browser lay the page out there and then.
  measure() {
    const { mapbox, line } = this.parts;
    this.sizes = {
      map: Math.max(300, Math.min(520, mapbox.clientWidth || 360)),
      height: mapbox.clientHeight > 200 ? mapbox.clientHeight : 440,
      line: Math.max(280, line.clientWidth || 900),
    };
  }
  render() {
    if (this.index < 0) return;
    const { run, index } = this;
    this.state = run.foldAt(index);
    this.focus = focusOf(run, index);
    if (!this.sizes) this.measure();
    this.root.dataset.step = index;
    this.drawStep();
    this.drawRows();
    if (this.hasTables) this.drawTables();
    this.drawMap();
    this.drawLine();
    this.range.value = index;
    this.range.setAttribute("aria-valuetext", `step ${index} of ${run.length - 1}: ${run.steps[index].say}`);
    if (this.pinned) this.light("");
    this.showRow();
  }
  drawStep() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    parts.count.innerHTML = `step <b>${index.toLocaleString("en")}</b> / ${(run.length - 1).toLocaleString("en")}`;
    parts.say.innerHTML = sentence(step.say);
    parts.cite.textContent = run.cite(index);
    const before = this.counted || [];
    this.counted = [];
    this.used.forEach(([at], row) => {
      const cells = this.countRows[row].cells;
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
    parts.worthhead.hidden = !notes.length;
    parts.views.classList.toggle("is-plain", !notes.length);
    parts.worth.innerHTML = notes.map(({ at, text, bad }) => `<li class="${bad ? "is-bad" : ""}">${at === undefined || at === index ? warned(bad, text) : `<button type="button" data-go="${at}">${warned(bad, text)}</button>`}</li>`).join("");
  }
  // The counts that this step changed.
  markCounts(step) {
    const changed = new Set();
    tally(step, (name, value) => { if (value) changed.add(COUNT_AT[name]); });
    if (this.run.walkBegins[this.index]) changed.add(COUNT_AT.walks);
    this.used.forEach(([at], row) => this.countRows[row].classList.toggle("is-now", changed.has(at)));
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
      const buffer = this.map.bufferAt(focus.va);
      const page = buffer ? Number((pageOf(focus.va) - pageOf(buffer.va)) / PAGE) : -1;
      const alias = page >= 0 ? buffer.aliases[page] : null;
      const asked = run.steps[chunk.missed];
      const covers = alias !== null && alias !== undefined && state.table(tableKey(asked.asked, asked.shared)).slots.some((s) => s.va <= alias && alias < s.va + s.size);
      if (covers) found.push({ text: `A registered range covers the <em>frame</em>, by its directmap alias (dashed). It does not cover the <em>address</em>: the page is mapped a second time, in ${esc(this.map.regionAt(focus.va)?.name || buffer.kind)}.` });
    }
    const step = run.steps[index];
    const lookup = this.lookup();
    if (lookup && lookup.asked !== lookup.subject) found.push({ text: `The access is about vCPU ${lookup.subject}; vCPU ${lookup.asked}’s table was searched.`, bad: true });
    else if (step.kind === "copy" && step.current !== step.subject) found.push({ text: `The copy is about vCPU ${step.subject} and runs on vCPU ${step.current}.` });
    if (focus.chunks.length > 1 && step.kind === "copy") found.push({ text: `The copy falls into ${focus.chunks.length} pieces; each is found on its own.` });
    return found.slice(0, 4);
  }
  drawRows() {
    const { run, index, parts, focus } = this;
    const unit = run.unit[index];
    const rows = run.rows(unit);
    let now = rows.findIndex((row) => row.indices.includes(index) || (row.indices[0] <= index && index < row.until));
    if (now < 0) now = 0;
    let from = 0, to = rows.length;
    if (rows.length > ROWS_MOST) {
      from = Math.max(0, Math.min(now - 12, rows.length - ROWS_MOST));
      to = from + ROWS_MOST;
      if (this.shownRows && this.shownRows.unit === unit && now >= this.shownRows.from + 3 && now < this.shownRows.to - 3) ({ from, to } = this.shownRows);
    }
    const same = this.shownRows && this.shownRows.unit === unit && this.shownRows.from === from && this.shownRows.to === to;
    if (!same) {
      const html = [];
      if (from > 0) html.push(`<li class="xe-more"><button type="button" data-go="${rows[Math.max(0, from - 8)].indices[0]}">${plural(from, "row")} above</button></li>`);
      for (let r = from; r < to; r++) html.push(this.rowHtml(rows[r], rows[r - 1]));
      if (to < rows.length) html.push(`<li class="xe-more"><button type="button" data-go="${rows[Math.min(rows.length - 1, to + 7)].indices[0]}">${plural(rows.length - to, "row")} below</button></li>`);
      parts.rows.innerHTML = html.join("");
      this.shownRows = { unit, from, to, items: [...parts.rows.querySelectorAll(".xe-rowitem")] };
      parts.where.innerHTML = unit < 0 ? "" : `${esc(run.steps[unit].vcpu !== undefined ? `vCPU ${run.steps[unit].vcpu}` : run.steps[unit].current !== undefined ? `vCPU ${run.steps[unit].current}` : "")}`;
    }
    this.shownRows.items.forEach((item, k) => {
      const row = rows[from + k];
      const isNow = from + k === now;
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
    this.drawChunks(focus);
  }
  // Keep the present row in sight where the rows have a scroll of their own.
  showRow() {
    const { rows } = this.parts, item = this.nowRow;
    if (!item || this.shownRows.items.length < 12 || rows.scrollHeight <= rows.clientHeight + 2) return;
    const above = item.offsetTop, room = rows.clientHeight;
    if (above < rows.scrollTop + 40 || above + item.offsetHeight > rows.scrollTop + room - 40) rows.scrollTop = above - room / 3;
  }
  rowHtml(row, previous) {
    const { run } = this;
    const found = rowWords(run, row);
    const first = run.steps[row.indices[0]];
    const entry = row.indices.find((i) => run.steps[i].kind === "pte-read");
    const open = entry !== undefined && this.open.has(entry);
    const depth = row.head ? "is-head" : "";
    const glyphs = row.indices.length > 1 && row.step.kind !== "pte-update" ? row.indices.map((i) => glyph(run.steps[i])).join("") : glyph(first);
    const begins = row.step.kind === "piece" && previous ? "is-begin" : "";
    const go = row.indices[row.indices.length - 1];
    const more = row.until > row.indices[row.indices.length - 1] + 1 && !row.head ? `<small>${plural(row.until - row.indices[0] - 1, "step")} inside</small>` : "";
    const cBit = this.map.machine.guest.encryption === "sev" ? 47 : this.map.machine.guest.encryption === "snp" ? 51 : 0;
    return `<li class="xe-rowitem ${depth} ${begins} ${found.tone === "bad" ? "is-bad" : ""}"><button type="button" class="xe-row" data-go="${go}"><span class="xe-marks">${glyphs}</span><span class="xe-label">${found.label}</span><span class="xe-main">${found.main}${more}</span><span class="xe-side">${found.side}</span></button>${entry === undefined ? '<span class="xe-nobits"></span>' : `<button type="button" class="xe-bitsbutton" data-act="bits" data-at="${entry}" aria-expanded="${open}" aria-label="Bits of the level ${row.step.level} entry" tabindex="-1">${open ? "−" : "+"}</button>`}${found.below ? `<div class="xe-below">${found.below}</div>` : ""}${open ? bits(run.steps[entry], cBit) : ""}</li>`;
  }
  // The pieces of a copy as a strip: where this one is among them.
  drawChunks(focus) {
    const { chunks } = focus;
    const html = chunks.length < 2 ? "" : this.chunkStrip(chunks, focus.chunk);
    if (html !== this.chunkHtml) this.parts.chunks.innerHTML = this.chunkHtml = html;
  }
  chunkStrip(chunks, current) {
    const at = chunks.indexOf(current);
    const from = Math.max(0, Math.min(at - 8, chunks.length - 16)), to = Math.min(chunks.length, from + 16);
    const cells = [];
    for (let k = from; k < to; k++) {
      const bad = chunks[k].moves.some((i) => isBad(this.run.steps[i]));
      cells.push(`<button type="button" data-go="${chunks[k].first}" class="${k === at ? "is-now" : k < at ? "is-done" : ""} ${bad ? "is-bad" : ""}"${k === at ? ' aria-current="true"' : ""}><span class="xe-sr">piece </span>${k + 1}${bad ? '<span aria-label="wrong"> ✕</span>' : ""}</button>`);
    }
    return `<span>piece</span>${cells.join("")}<span>of ${chunks.length.toLocaleString("en")}</span>`;
  }
  drawTables() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    const lookup = this.lookup();
    const vcpus = this.map.machine.guest.vcpus;
    const keys = new Set([...this.run.last.tables.keys()]);
    if (lookup && lookup.asked !== lookup.subject && !lookup.shared) keys.add(lookup.subject);
    const sorted = [...keys].sort((a, b) => Number(a) - Number(b));
    const chosen = sorted.length > 6 ? sorted.filter((key) => state.tables.has(key)).slice(0, 6) : sorted;
    const acting = this.actingVcpu();
    const html = chosen.map((key) => this.tableHtml(key, state.table(key), lookup, step, index, chosen.length < 3 || key === acting)).join("");
    const rest = vcpus - chosen.length;
    const tail = chosen.includes("domain") || rest <= 0 ? "" : `<p class="xe-quiet">${plural(rest, "other vCPU")}: nothing registered</p>`;
    const text = html + tail;
    if (text !== this.tableText) parts.tablelist.innerHTML = this.tableText = text;
  }
  // The search that this step belongs to: which table was asked, about which vCPU.
  lookup() {
    const chunk = this.focus.chunk;
    return chunk && chunk.lookup >= 0 && chunk.lookup <= this.index ? this.run.steps[chunk.lookup] : null;
  }
  tableHtml(key, table, lookup, step, index, wanted) {
    const asked = lookup && tableKey(lookup.asked, lookup.shared) === key;
    const meant = lookup && !lookup.shared && lookup.subject === key && lookup.asked !== lookup.subject;
    const purged = step.kind === "tlb-purge" && tableKey(step.vcpu, step.shared) === key ? step.removed : step.kind === "tlb-insert" && tableKey(step.vcpu, step.shared) === key ? step.replaced : [];
    const rows = [...table.slots.map((s) => ({ ...s })), ...purged.map((s) => ({ ...s, va: big(s.va), pa: big(s.pa), size: BigInt(s.size), gone: true, hits: 0 }))].sort((a, b) => a.slot - b.slot);
    const hot = Math.max(0, rows.findIndex((r) => r.gone || r.since === index || (asked && lookup.slot === r.slot)));
    const from = rows.length > 8 ? Math.max(0, Math.min(hot - 3, rows.length - 8)) : 0;
    const shown = rows.slice(from, from + 8);
    const open = this.tablesOpen.get(String(key)) ?? (wanted || asked || meant || purged.length > 0 || rows.some((r) => r.since === index));
    const tags = `${asked ? `<span class="xe-tag ${lookup.gpa ? "is-good" : "is-bad"}">asked: ${lookup.gpa ? "hit" : "miss"}</span>` : ""}${meant ? '<span class="xe-tag is-bad">meant, not asked</span>' : ""}`;
    const stats = table.lookups ? `${plural(table.hits, "hit")} · ${plural(table.lookups - table.hits, "miss", "misses")}` : "";
    const body = shown.map((r) => {
      const hit = asked && lookup.slot === r.slot && !r.gone;
      const cls = r.gone ? "is-gone" : r.since === index ? "is-new" : hit ? (lookup.gpa ? "is-hit" : "is-part") : "";
      const sign = r.gone ? "−" : r.since === index ? "+" : hit ? "▸" : "";
      const tag = r.space !== undefined && r.space !== null ? ` CR3 ${esc(typeof r.space === "number" ? r.space.toString(16) : r.space.replace("0x", ""))}` : "";
      return `<tr class="${cls}" data-k="slot:${key}:${r.slot}"><td>${sign}</td><td>[${r.slot}]</td><td>${linear(r.va)} <small>+${size(r.size)}</small></td><td>${physical(r.pa)}</td><td>${esc(r.label || "")}${tag}</td><td>${r.gone ? "gone" : r.hits || ""}</td></tr>`;
    }).join("");
    const cut = rows.length > shown.length ? `<p class="xe-quiet">${shown.length} of ${rows.length} entries</p>` : "";
    const content = !open ? "" : shown.length ? `<table aria-label="Registered buffers of ${tableLabel(key)}"><thead class="xe-sr"><tr><th>change</th><th>slot</th><th>linear</th><th>guest-physical</th><th>label</th><th>hits</th></tr></thead><tbody>${body}</tbody></table>${cut}` : '<p class="xe-quiet">no entries</p>';
    return `<div class="xe-tlb${open ? " is-open" : ""}"><p class="xe-tlbhead"><button type="button" data-act="table" data-table="${key}" aria-expanded="${open}"><b>${tableLabel(key)}</b></button>${tags}<span class="xe-stats">${[open ? "" : plural(table.slots.length, "entry", "entries"), stats].filter(Boolean).join(" · ")}</span></p>${content}</div>`;
  }
  drawMap() {
    const { run, index, state, focus } = this;
    const step = run.steps[index];
    const box = this.parts.mapbox;
    const { map: width, height } = this.sizes;
    // Whose registered ranges: the table that was asked last, or the acting vCPU's.
    let key = step.kind.startsWith("tlb-") ? tableKey(step.asked ?? step.vcpu, step.shared) : null;
    if (key === null) key = state.tables.has("domain") ? "domain" : this.actingVcpu();
    const tables = state.tables.has(key) ? [[key, state.table(key)]] : [];
    const view = { focus, state, tables, zoom: this.zoom, width, height, uid: this.uid, selected: this.selected, index };
    // In the page view the ground follows every address; else it stays for a whole copy.
    const near = this.zoom === 2 ? [focus.va, focus.size, focus.gpa, focus.meant, focus.table, focus.frame] : [this.zoom ? focus.va : 0];
    const ground = [run.unit[index], this.zoom, this.selected, key, width, height, state.shared.size, ...near].join();
    const slots = tables.length ? tables[0][1].slots : null;
    if (ground !== this.ground || slots !== this.groundSlots || state.shared !== this.groundShared) {
      const drawn = drawGround(this.map, view);
      box.innerHTML = drawn.html;
      Object.assign(this, { ground, groundSlots: slots, groundShared: state.shared, groundAt: drawn.at });
    }
    const moving = drawMoving(this.map, view, this.groundAt);
    box.querySelector(".xe-over").innerHTML = moving.html;
    box.querySelector("desc").textContent = moving.desc;
    if (this.pinned || this.lit) this.light(this.lit || "");
  }
  actingVcpu() {
    const { run, index } = this;
    for (const at of [index, ...run.ancestors(index).reverse()]) {
      const step = run.steps[at];
      if (step.current !== undefined) return step.current;
      if (step.vcpu !== undefined) return step.vcpu;
    }
    return 0;
  }
  // ---- the line of time
  // What stands on it: the open groups' children, everything else folded to one mark.
  visible() {
    const { run, index } = this;
    const items = [];
    const around = new Set(run.ancestors(index));
    around.add(index);
    const put = (at, depth) => {
      items.push({ at, depth });
      if (run.hasChildren(at) && !this.isFolded(at)) for (const child of this.near(run.children(at), around)) child < 0 ? items.push({ more: -child, depth: depth + 1 }) : put(child, depth + 1);
    };
    for (const at of this.near(run.children(-1), around)) at < 0 ? items.push({ more: -at, depth: 0 }) : put(at, 0);
    return items;
  }
  // Of many siblings only those near the present one; counts of the others as negatives.
  near(siblings, around) {
    if (siblings.length <= 40) return siblings;
    let middle = siblings.findIndex((at) => around.has(at));
    if (middle < 0) middle = 0;
    const from = Math.max(0, Math.min(middle - 20, siblings.length - 40)), to = from + 40;
    return [...(from ? [-from] : []), ...siblings.slice(from, to), ...(to < siblings.length ? [-(siblings.length - to)] : [])];
  }
  drawLine() {
    const { run, index, parts } = this;
    const width = this.sizes.line;
    const items = this.visible();
    const capacity = Math.max(7, Math.floor(width / 50));
    let now = items.findIndex((item) => item.at === index);
    if (now < 0) now = 0;
    // The window stays while the present step is well inside it.
    const most = Math.max(0, items.length - capacity);
    let from = Math.min(this.lineFrom ?? 0, most);
    if (now < from + 3 || now > from + capacity - 4) from = Math.max(0, Math.min(now - Math.floor(capacity / 2), most));
    this.lineFrom = from;
    const shown = items.slice(from, from + capacity);
    const pitch = Math.min(86, width / shown.length);
    const x = (k) => (k + 0.5) * pitch;
    const out = [];
    const nowAt = now - from;
    const state = (at) => (at === index ? "is-now" : at < index ? "is-done" : "is-ahead");
    const key = `${width}:${items.length}:${shown.map((item) => (item.more ? `+${item.more}` : `${item.at}${run.hasChildren(item.at) && !this.isFolded(item.at) ? "o" : ""}`)).join()}`;
    if (key === this.lineKey) {
      const [done, ahead] = parts.line.querySelectorAll(".xe-rail");
      done.setAttribute("d", `M${x(0)} 16H${x(nowAt)}`);
      ahead.setAttribute("d", `M${x(nowAt)} 16H${x(shown.length - 1)}`);
      for (const stop of parts.line.querySelectorAll(".xe-stop")) {
        const wanted = state(Number(stop.dataset.go));
        if (!stop.classList.contains(wanted)) {
          stop.classList.remove("is-now", "is-done", "is-ahead");
          stop.classList.add(wanted);
        }
      }
      return;
    }
    this.lineKey = key;
    out.push(`<path class="xe-rail is-done" d="M${x(0)} 16H${x(nowAt)}"/><path class="xe-rail" d="M${x(nowAt)} 16H${x(shown.length - 1)}"/>`);
    if (from > 0) out.push(`<path class="xe-rail is-more" d="M0 16H${x(0)}"/>`);
    if (from + shown.length < items.length) out.push(`<path class="xe-rail is-more" d="M${x(shown.length - 1)} 16H${width}"/>`);
    const brackets = [];
    shown.forEach((item, k) => {
      if (item.more) {
        out.push(`<text class="xe-tlabel" x="${x(k)}" y="20" text-anchor="middle">+${item.more.toLocaleString("en")}</text>`);
        return;
      }
      const step = run.steps[item.at];
      const bad = isBad(step) ? " is-bad" : "";
      const folded = run.hasChildren(item.at) && this.isFolded(item.at);
      const label = clip(shortLabel(step), Math.floor(pitch / 5.9) - (folded ? 2 : 0)) + (folded ? " ▸" : "");
      out.push(`<g class="xe-stop ${state(item.at)}${bad}" data-go="${item.at}" data-k="i:${item.at}"><rect class="xe-stophit" x="${x(k) - pitch / 2}" y="0" width="${pitch}" height="42"/><g transform="translate(${x(k) - 7} 9)">${SHAPES[SHAPE_OF[step.kind]] || SHAPES.dot}</g><text x="${x(k)}" y="39" text-anchor="middle">${esc(label)}</text></g>`);
      if (run.hasChildren(item.at) && !folded) brackets.push({ item, k });
    });
    for (const at of run.ancestors(index)) if (!brackets.some((b) => b.item.at === at) && !this.isFolded(at)) brackets.push({ item: { at, depth: run.steps[at].depth }, k: -1 });
    for (const { item, k } of brackets) {
      let last = k;
      shown.forEach((other, j) => { if (other.at !== undefined && other.at > item.at && other.at < run.end[item.at]) last = j; if (other.more && j > 0 && shown[j - 1].at < run.end[item.at] && other.depth > item.depth && j > k) last = j; });
      if (last < 0) continue;
      const y = 52 + Math.min(item.depth, 3) * 15;
      const x0 = k < 0 ? 0 : x(k) - 5, x1 = x(last) + 5;
      const step = run.steps[item.at];
      const text = step.kind === "hypercall" ? step.name : step.kind === "copy" ? `${plain(words(step).label)} ${step.role}` : step.kind === "action" ? step.detail : shortLabel(step);
      const room = Math.floor((x1 - x0 - 20) / 5.8);
      const fits = text.length <= room ? text : room > 6 ? `${text.slice(0, room - 1)}…` : "";
      out.push(`<g class="xe-bracket" data-act="fold" data-at="${item.at}"><path d="M${x0} ${y - 4}v4H${x1}v-4"/><rect class="xe-stophit" x="${x0}" y="${y - 8}" width="${Math.max(10, x1 - x0)}" height="15"/><text x="${x0 + 8}" y="${y + 3.5}">▾ ${esc(fits)}</text></g>`);
    }
    const html = `<svg width="${width}" height="112" viewBox="0 0 ${width} 112" role="img" aria-label="Steps around this one"><title>Steps around this one</title>${out.join("")}</svg>`;
    parts.line.innerHTML = html;
  }
}

// ---------------------------------------------------------------- comparison

// Where runs wait for each other: actions, preparations, calls, copies, returns.  The
// key of a wait is comparable between options that do different things in between.
function waitsOf(run) {
  const waits = [{ key: [0, 0, 0, 0], at: 0 }];
  let action = 0, call = 0, copy = 0;
  run.steps.forEach((step, at) => {
    let key = null;
    if (step.kind === "action") {
      action += 1;
      call = copy = 0;
      key = [action, 0, 0, 0];
    } else if (step.kind === "phase" && step.name === "prepare") key = [action, 1, 0, 0];
    else if (step.kind === "phase" && step.name === "finish") key = [action, 3, 0, 0];
    else if (step.kind === "hypercall") {
      call += 1;
      copy = 0;
      key = [action, 2, call, 0];
    } else if (step.kind === "copy") key = [action, 2, call, (copy += 1)];
    else if (step.kind === "return") key = [action, 2, call, 1e6];
    if (key && before(waits[waits.length - 1].key, key)) waits.push({ key, at });
  });
  return waits;
}
function before(a, b) {
  const at = a.findIndex((value, k) => value !== b[k]);
  return at >= 0 && a[at] < b[at];
}

// One time for several runs: between two waits each goes on step by step, and those
// that have fewer steps to do wait for the others.
class Lockstep {
  constructor(runs) {
    const waits = runs.map(waitsOf);
    const keys = new Map();
    waits.forEach((list) => list.forEach(({ key }) => keys.set(key.join("."), key)));
    const sorted = [...keys.values()].sort((a, b) => (before(a, b) ? -1 : 1));
    const next = runs.map(() => 0);
    this.beats = [];
    let time = 0;
    for (const key of sorted) {
      const parts = runs.map((run, r) => {
        const list = waits[r], k = next[r];
        if (k < list.length && list[k].key.join(".") === key.join(".")) {
          next[r] += 1;
          const end = k + 1 < list.length ? list[k + 1].at : run.length;
          return { from: list[k].at, length: end - list[k].at };
        }
        return { from: k < list.length ? list[k].at : run.length, length: 0 };
      });
      const length = Math.max(...parts.map((part) => part.length));
      if (length) this.beats.push({ time, length, parts });
      time += length;
    }
    this.length = time;
  }
  at(time) {
    let low = 0, high = this.beats.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.beats[middle].time <= time) low = middle;
      else high = middle - 1;
    }
    const beat = this.beats[low], offset = time - beat.time;
    return beat.parts.map(({ from, length }) => ({
      index: Math.max(0, length ? from + Math.min(offset, length - 1) : from - 1),
      waits: offset >= length,
    }));
  }
  timeOf(run, index) {
    const beat = this.beats.find(({ parts }) => parts[run].length && parts[run].from <= index && index < parts[run].from + parts[run].length);
    return beat ? beat.time + index - beat.parts[run].from : 0;
  }
}

class Comparison {
  constructor(el, data, options = {}) {
    this.data = data;
    this.options = options;
    this.runs = data.paths.map((path) => new Run(path));
    this.lockstep = new Lockstep(this.runs);
    this.used = COUNTS.map(([, name], at) => [at, name]).filter(([at]) => this.runs.some((run) => run.last.calls[at] || run.last.setup[at]));
    this.most = this.used.map(([at]) => Math.max(1, ...this.runs.map((run) => run.last.calls[at])));
    this.time = -1;
    this.chosen = 0;
    this.ends = false;
    this.root = document.createElement("div");
    this.root.className = "xe xe-comparison";
    this.build();
    el.append(this.root);
    this.abort = new AbortController();
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal: this.abort.signal });
    on(this.root, "keydown", (event) => this.key(event));
    on(this.root, "focusin", keepKeys);
    on(this.root, "click", (event) => this.click(event));
    on(this.range, "input", () => this.go(Number(this.range.value)));
    this.detail = null;
    this.go(options.step ?? 0, true);
    this.choose(0);
  }
  get index() {
    return this.time;
  }
  build() {
    const { data, root } = this;
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", `Comparison: ${data.scenario.title}`);
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    const row = (name, cls, cells) => `<tr class="${cls}"><th scope="row">${name}</th>${cells.join("")}</tr>`;
    const each = (make) => data.options.map(make);
    const heads = each(({ option }, k) => `<th scope="col"><button type="button" data-act="choose" data-at="${k}" aria-pressed="${k === 0}" title="${esc(option.title)}"><b>${esc(option.ident)}</b> ${esc(option.label)}</button></th>`);
    const outcome = ({ outcome: o }) => {
      const [mark, word] = STATUS[o.status] || ["", o.status];
      const bytes = o.wrong_bytes ? `<br><small>${size(o.wrong_bytes)} wrong, ${size(o.right_bytes)} right</small>` : "";
      return `<td class="xe-status-${o.status}"><b><span aria-hidden="true">${mark}</span> ${word}</b>${bytes}${o.refusals.length ? `<br><small>${sentence(o.refusals[0])}</small>` : ""}</td>`;
    };
    const result = ({ outcome: o }, k) => `<td>${o.result === null ? "none" : o.result ? esc(this.errnoOf(k)) : "0"}</td>`;
    const list = (items) => `<td>${items.length ? [...new Set(items)].map((item) => `<span class="xe-warn" aria-hidden="true">▲</span> ${esc(item)}`).join("<br>") : "<small>none</small>"}</td>`;
    const first = ({ difference: d }, k) => `<td>${k === 0 ? "<small>compared with this one</small>" : !d ? "<small>none</small>" : `<button type="button" data-act="difference" data-at="${k}">${sentence(d.other_says || "The run is over.")}</button>`}</td>`;
    const counts = this.used.map(([, name]) => row(name, "xe-crow", each(() => '<td><span></span><svg viewBox="0 0 100 3" preserveAspectRatio="none" aria-hidden="true"><path/></svg></td>')));
    root.innerHTML = `<div class="xe-body"><header class="xe-head"><h2>${esc(data.scenario.title)}</h2><p>${plural(data.options.length, "option")}, one scenario</p><p class="xe-right"><span class="xe-zoom" role="group" aria-label="How far"><button type="button" data-act="mode" data-ends="0" aria-pressed="true">in lockstep</button><button type="button" data-act="mode" data-ends="1" aria-pressed="false">at their ends</button></span><span class="xe-count" aria-hidden="true"></span></p></header>
<details class="xe-about"><summary>About this scenario</summary>${paragraphs(data.scenario.text)}${paragraphs(data.scenario.asked)}${data.scenario.ours ? paragraphs(`Ours, not said by a reviewer: ${data.scenario.ours}`) : ""}${python(`comparison = xe.compare(xe.load(${quoted(data.scenario.name)}))`, "xe.ComparisonView(comparison)")}</details>
<div class="xe-controls"><button type="button" data-act="prev" aria-label="Previous step">‹</button><button type="button" data-act="next" aria-label="Next step">›</button><div class="xe-scrub"><input type="range" min="0" max="${this.lockstep.length - 1}" value="0" aria-label="Step, all options in lockstep"></div></div>
<div class="xe-sheet" tabindex="0" role="group" aria-label="Options side by side"><table><thead><tr><td></td>${heads.join("")}</tr></thead><tbody>
${row("now", "xe-nowrow", each(() => "<td></td>"))}${row("outcome", "", each(outcome))}${row("result", "", each(result))}${counts.join("")}${row("checks lost", "", each(({ outcome: o }) => `<td>${o.lost_checks}</td>`))}${row("hazards", "", each(({ outcome: o }) => list(o.hazards)))}${row("first difference", "xe-diff", each(first))}</tbody></table></div>
<p class="xe-sr" aria-live="polite"></p><div class="xe-detail"></div></div>`;
    this.range = root.querySelector("input");
    this.nowCells = [...root.querySelector(".xe-nowrow").querySelectorAll("td")];
    this.countCells = [...root.querySelectorAll(".xe-crow")].map((tr) => [...tr.querySelectorAll("td")]);
    this.live = root.querySelector(".xe-body > .xe-sr");
  }
  errnoOf(k) {
    const returns = this.runs[k].steps.filter((step) => step.kind === "return");
    return returns.length ? errno(returns[returns.length - 1]) : this.data.options[k].outcome.result;
  }
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
    const act = {
      ArrowRight: () => this.go(this.time + 1), j: () => this.go(this.time + 1), ArrowLeft: () => this.go(this.time - 1), k: () => this.go(this.time - 1),
      Home: () => this.go(0), End: () => this.go(this.lockstep.length - 1),
      PageDown: () => this.go(this.beat(1)), PageUp: () => this.go(this.beat(-1)),
    }[event.key];
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }
  beat(way) {
    const { beats } = this.lockstep;
    if (way > 0) return (beats.find((b) => b.time > this.time) || { time: this.lockstep.length - 1 }).time;
    return ([...beats].reverse().find((b) => b.time < this.time) || { time: 0 }).time;
  }
  click(event) {
    const act = event.target.closest("[data-act]");
    if (!act || this.root.querySelector(".xe-detail").contains(act)) return;
    const at = Number(act.dataset.at);
    if (act.dataset.act === "prev") this.go(this.time - 1);
    else if (act.dataset.act === "next") this.go(this.time + 1);
    else if (act.dataset.act === "choose") this.choose(at);
    else if (act.dataset.act === "mode") this.setEnds(act.dataset.ends === "1");
    else if (act.dataset.act === "difference") {
      const { other } = this.data.options[at].difference;
      this.setEnds(false);
      this.go(this.lockstep.timeOf(at, other ?? this.runs[at].length - 1));
      this.choose(at);
    }
  }
  setEnds(ends) {
    this.ends = ends;
    this.root.querySelectorAll('[data-act="mode"]').forEach((b) => b.setAttribute("aria-pressed", String((b.dataset.ends === "1") === ends)));
    this.draw();
    this.detail?.go(this.positions[this.chosen].index, true);
  }
  choose(at) {
    this.chosen = at;
    this.root.querySelectorAll('[data-act="choose"]').forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.at) === at)));
    this.root.querySelectorAll(".xe-sheet tr").forEach((tr) => [...tr.cells].forEach((cell, k) => cell.classList.toggle("is-chosen", k === at + 1)));
    this.detail?.destroy();
    this.detail = new Stepper(this.root.querySelector(".xe-detail"), this.data.paths[at], {
      step: this.positions[at].index,
      embedded: true,
      onStep: (step) => this.go(this.lockstep.timeOf(this.chosen, step), false, true),
    });
  }
  go(time, first = false, fromDetail = false) {
    const to = Math.min(Math.max(0, time), this.lockstep.length - 1);
    if (to === this.time && !this.ends) return;
    this.time = to;
    if (this.ends) this.setEnds(false);
    else this.draw();
    if (!fromDetail) this.detail?.go(this.positions[this.chosen].index, true);
    if (!first) this.options.onStep?.(to);
  }
  draw() {
    this.positions = this.ends ? this.runs.map((run) => ({ index: run.length - 1, waits: false })) : this.lockstep.at(this.time);
    this.root.dataset.step = this.time;
    this.range.value = this.time;
    this.range.setAttribute("aria-valuetext", `step ${this.time} of ${this.lockstep.length - 1}`);
    this.root.querySelector(".xe-count").innerHTML = this.ends ? "at their ends" : `step <b>${this.time}</b> / ${this.lockstep.length - 1}`;
    const folded = this.runs.map((run, k) => run.foldAt(this.positions[k].index));
    this.positions.forEach(({ index, waits }, k) => {
      const step = this.runs[k].steps[index];
      const found = words(step);
      const over = index === this.runs[k].length - 1 && (waits || this.ends);
      const html = `<span class="xe-cellhead">${glyph(step, waits ? "is-ahead" : "is-now")} <b>${found.label}</b> <small>${over ? "over" : waits ? "waits" : index}</small></span><span class="xe-cellmain">${found.main}</span>${found.tone === "bad" ? `<span class="xe-cellbad">${found.side}</span>` : ""}`;
      const cell = this.nowCells[k];
      cell.classList.toggle("is-waiting", waits);
      if (cell.xeHtml !== html) cell.innerHTML = cell.xeHtml = html;
    });
    this.used.forEach(([at], r) => folded.forEach((state, k) => {
      const cell = this.countCells[r][k];
      const once = state.setup[at], calls = state.calls[at];
      const text = `${calls.toLocaleString("en")}${once ? ` + ${once.toLocaleString("en")} once` : ""}`;
      const [span, svg] = cell.children;
      if (span.textContent !== text) {
        span.textContent = text;
        svg.firstElementChild.setAttribute("d", `M0 1.5H${((calls / this.most[r]) * 100).toFixed(1)}`);
      }
      cell.classList.toggle("is-other", k > 0 && calls !== folded[0].calls[at]);
    }));
    this.live.textContent = this.ends ? "All options at their ends." : `Step ${this.time}. ${this.runs[this.chosen].steps[this.positions[this.chosen].index].say}`;
  }
  destroy() {
    this.abort.abort();
    this.detail?.destroy();
    this.root.remove();
  }
}

// ---------------------------------------------------------------- mounting

// Show a path or a comparison in `el`.  Options: `step` (from 0), `onStep(step)`, `deepLink` (keep
// `#step=N` in the page's address, and follow it).
export function mount(el, data, options = {}) {
  const linked = () => Number((/(?:^#|&)step=(\d+)/.exec(location.hash) || [])[1]);
  const given = { ...options };
  if (options.deepLink) {
    if (linked() >= 0) given.step = linked();
    given.onStep = (step) => {
      try {
        history.replaceState(null, "", `#step=${step}`);
      } catch {
        // A frame made from srcdoc has no address of its own.
      }
      options.onStep?.(step);
    };
  }
  const view = data.paths ? new Comparison(el, data, given) : new Stepper(el, data, given);
  if (options.deepLink) view.root.focus({ preventScroll: true });
  if (options.deepLink)
    addEventListener("hashchange", () => { if (linked() >= 0) view.go(linked(), true); }, { signal: view.abort.signal });
  return view;
}

// anywidget: the path comes once, the step goes both ways.
function render({ model, el }) {
  let pending = 0;
  const view = mount(el, JSON.parse(model.get("data")), {
    step: model.get("step"),
    onStep: (step) => {
      model.set("step", step);
      if (!pending) pending = setTimeout(() => { pending = 0; model.save_changes(); }, 60);
    },
  });
  const follow = () => view.go(model.get("step"), true);
  model.on("change:step", follow);
  return () => {
    clearTimeout(pending);
    model.off("change:step", follow);
    view.destroy();
  };
}

export default { render };
