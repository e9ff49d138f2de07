// What has accumulated up to a step: counts, tables of registered buffers, shared pages.

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

// Everything that has accumulated up to and including one step.
class Folded {
  constructor() {
    this.at = -1;
    this.setup = new Float64Array(COUNTS.length);
    this.calls = new Float64Array(COUNTS.length);
    this.tables = new Map(); // key -> {slots, lookups, hits}; never changed in place
    this.shared = new Map(); // gfn (hex) -> true where a flip made it shared
    this.worth = []; // indices of steps that stay worth noticing
    this.changed = -1; // the last step that changed a table's entries or a page's encryption
  }
  copy() {
    const twin = new Folded();
    twin.at = this.at;
    twin.changed = this.changed;
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
    else if (step.kind === "flip") {
      this.shared.set(hex(big(step.gfn)), step.shared);
      this.changed = index;
    }
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
    this.changed = index;
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
