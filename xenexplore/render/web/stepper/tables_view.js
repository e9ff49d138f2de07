// Registered buffers: the software TLB of each vCPU, or of the domain.

import { tableKey, tableLabel } from "./folded.js";
import { big, esc, linear, physical, plural, size } from "./numbers.js";
import { patch } from "./patch.js";
import { View } from "./view.js";

export class TablesView extends View {
  constructor(stepper) {
    super(stepper);
    this.opened = new Map(); // table -> opened or closed by hand
  }
  draw() {
    const { run, index, state, parts } = this;
    const step = run.steps[index];
    const lookup = this.lookup();
    const vcpus = this.guest.vcpus;
    const keys = new Set(this.run.last.tables.keys());
    if (lookup && lookup.asked !== lookup.subject && !lookup.shared) keys.add(lookup.subject);
    const sorted = [...keys].sort((a, b) => Number(a) - Number(b));
    const chosen = sorted.length > 6 ? sorted.filter((key) => state.tables.has(key)).slice(0, 6) : sorted;
    const acting = this.actingVcpu();
    const html = chosen
      .map((key) => this.tableHtml(key, state.table(key), lookup, step, index, chosen.length < 3 || key === acting))
      .join("");
    const rest = vcpus - chosen.length;
    const tail =
      chosen.includes("domain") || rest <= 0
        ? ""
        : `<p class="xe-quiet">${plural(rest, "other vCPU")}: nothing registered</p>`;
    const text = html + tail;
    if (text !== this.tableText) patch(parts.tablelist, (this.tableText = text));
  }
  tableHtml(key, table, lookup, step, index, wanted) {
    const asked = lookup && tableKey(lookup.asked, lookup.shared) === key;
    const meant = lookup && !lookup.shared && lookup.subject === key && lookup.asked !== lookup.subject;
    const purged =
      step.kind === "tlb-purge" && tableKey(step.vcpu, step.shared) === key
        ? step.removed
        : step.kind === "tlb-insert" && tableKey(step.vcpu, step.shared) === key
          ? step.replaced
          : [];
    const rows = [
      ...table.slots.map((s) => ({ ...s })),
      ...purged.map((s) => ({ ...s, va: big(s.va), pa: big(s.pa), size: BigInt(s.size), gone: true, hits: 0 })),
    ].sort((a, b) => a.slot - b.slot);
    const hot = Math.max(
      0,
      rows.findIndex((r) => r.gone || r.since === index || (asked && lookup.slot === r.slot)),
    );
    const from = rows.length > 8 ? Math.max(0, Math.min(hot - 3, rows.length - 8)) : 0;
    const shown = rows.slice(from, from + 8);
    const open =
      this.opened.get(String(key)) ??
      (wanted || asked || meant || purged.length > 0 || rows.some((r) => r.since === index));
    const found = lookup?.gpa ? "hit" : "miss";
    const tags =
      (asked ? `<span class="xe-tag ${lookup.gpa ? "is-good" : "is-bad"}">asked: ${found}</span>` : "") +
      (meant ? '<span class="xe-tag is-bad">meant, not asked</span>' : "");
    const stats = table.lookups
      ? `${plural(table.hits, "hit")} · ${plural(table.lookups - table.hits, "miss", "misses")}`
      : "";
    const body = shown
      .map((r) => {
        const hit = asked && lookup.slot === r.slot && !r.gone;
        const cls = r.gone
          ? "is-gone"
          : r.since === index
            ? "is-new"
            : hit
              ? lookup.gpa
                ? "is-hit"
                : "is-part"
              : "";
        const sign = r.gone ? "−" : r.since === index ? "+" : hit ? "▸" : "";
        const tag =
          r.space !== undefined && r.space !== null
            ? ` CR3 ${esc(typeof r.space === "number" ? r.space.toString(16) : r.space.replace("0x", ""))}`
            : "";
        return (
          `<tr class="${cls}" data-k="slot:${key}:${r.slot}"><td>${sign}</td><td>[${r.slot}]</td>` +
          `<td>${linear(r.va)} <small>+${size(r.size)}</small></td><td>${physical(r.pa)}</td>` +
          `<td>${esc(r.label || "")}${tag}</td><td>${r.gone ? "gone" : r.hits || ""}</td></tr>`
        );
      })
      .join("");
    const cut =
      rows.length > shown.length ? `<p class="xe-quiet">${shown.length} of ${rows.length} entries</p>` : "";
    const content = !open
      ? ""
      : shown.length
        ? `<table aria-label="Registered buffers of ${tableLabel(key)}"><thead class="xe-sr"><tr>` +
          `<th>change</th><th>slot</th><th>linear</th><th>guest-physical</th><th>label</th>` +
          `<th>hits</th></tr></thead><tbody>${body}</tbody></table>${cut}`
        : '<p class="xe-quiet">no entries</p>';
    return (
      `<div class="xe-tlb${open ? " is-open" : ""}"><p class="xe-tlbhead">` +
      `<button type="button" data-act="table" data-table="${key}" aria-expanded="${open}">` +
      `<b>${tableLabel(key)}</b></button>${tags}` +
      `<span class="xe-stats">` +
      [open ? "" : plural(table.slots.length, "entry", "entries"), stats].filter(Boolean).join(" · ") +
      `</span></p>${content}</div>`
    );
  }
  toggle(button) {
    const { table } = button.dataset;
    this.opened.set(table, button.getAttribute("aria-expanded") !== "true");
    this.draw();
    this.parts.tablelist.querySelector(`[data-table="${table}"]`)?.focus();
  }
}
