// What a step is called, on a row and on the timeline.

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
  copy: (s) => [COPIES[s.direction], `${handle(big(s.handle))} <small>${size(s.size)}</small>`, esc(s.type || s.role).replace(/_/g, "_<wbr>")],
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
  registers: (s) => [s.direction === "from" ? "load" : "store", `<span class="xe-n">${esc(s.registers.join(" "))}</span>`, esc(s.role)],
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
