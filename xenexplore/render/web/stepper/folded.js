// What has accumulated up to a step: counts, tables of registered buffers, shared pages.

import { big, hex } from "./numbers.js";

export const EVERY = 256; // steps between checkpoints of the folded state

export const tableLabel = (key) => (key === "domain" ? "domain" : `vCPU ${key}`);
export const tableKey = (vcpu, shared) => (shared ? "domain" : Number(vcpu));

// Everything that has accumulated up to and including one step.
export class Folded {
  constructor(counters) {
    this.at = -1;
    this.counters = counters;
    this.sums = new Float64Array(2 * counters); // of calls, then of what is done once
    this.tables = new Map(); // key -> {slots, lookups, hits}; never changed in place
    this.shared = new Map(); // gfn (hex) -> true where a flip made it shared
    this.worth = []; // indices of steps that stay worth noticing
    this.changed = -1; // the last step that changed a table's entries or a page's encryption
  }
  copy() {
    const twin = new Folded(this.counters);
    twin.at = this.at;
    twin.changed = this.changed;
    twin.sums.set(this.sums);
    twin.tables = new Map(this.tables);
    twin.shared = new Map(this.shared);
    twin.worth = this.worth.slice();
    return twin;
  }
  calls(counter) {
    return this.sums[counter];
  }
  once(counter) {
    return this.sums[counter + this.counters];
  }
  table(key) {
    return this.tables.get(key) || { slots: [], lookups: 0, hits: 0 };
  }
  take(run, index) {
    const step = run.steps[index];
    for (const [counter, value_] of run.deltas(index)) this.sums[counter] += value_;
    if (step.kind.startsWith("tlb-")) this.takeTlb(step, index);
    else if (step.kind === "flip") {
      this.shared.set(hex(big(step.gfn)), step.shared);
      this.changed = index;
    }
    if (run.worth.has(index)) this.worth.push(index);
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
      kept.push({
        slot: step.slot,
        va: big(step.va),
        pa: big(step.pa),
        size: BigInt(step.size),
        label: step.label || "",
        global: step.is_global,
        space: step.space,
        hits: 0,
        since: index,
      });
      kept.sort((a, b) => a.slot - b.slot);
    }
    this.tables.set(key, { slots: kept, lookups, hits });
  }
}
