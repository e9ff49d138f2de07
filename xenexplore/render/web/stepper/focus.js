// Where a copy goes: its pieces, and what the views point at for a step.

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
    } else if (s.kind === "p2m-lookup" && s.purpose === "walk end" && now && now.va !== null) {
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
