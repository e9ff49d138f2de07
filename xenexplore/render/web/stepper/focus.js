// Where a copy goes: its pieces, and what the views point at for a step.

import { big } from "./numbers.js";

export function chunksOf(run, unit) {
  return (run.view.pieces[unit] || []).map(
    ([first, va, asked, gpa, known, lookup, missed, moved, movedSize, meant, wrong]) => ({
      first,
      va: big(va),
      asked: BigInt(asked),
      size: BigInt(movedSize || asked),
      gpa: big(gpa),
      known: known ?? Infinity,
      lookup: lookup ?? -1,
      missed: missed ? lookup : -1,
      moved: moved ?? Infinity,
      meant: big(meant),
      wrong: Boolean(wrong),
    }),
  );
}

// What the views point at for one step: addresses in both spaces.
export function focusOf(run, index) {
  const unit = run.unit[index];
  const focus = {
    index,
    va: null,
    size: 1n,
    gpa: null,
    chunk: null,
    chunks: run.chunks(unit),
    table: null,
    frame: null,
    wrong: false,
    meant: null,
  };
  for (const chunk of focus.chunks) if (chunk.first <= index) focus.chunk = chunk;
  const chunk = focus.chunk || focus.chunks[0];
  if (chunk) {
    focus.va = chunk.va;
    focus.size = (chunk.moved <= index ? chunk.size : chunk.asked) || 1n;
    if (focus.chunk && chunk.known <= index) focus.gpa = chunk.gpa;
    if (chunk.moved <= index && chunk.wrong && chunk.meant !== chunk.gpa)
      Object.assign(focus, { wrong: true, meant: chunk.meant });
  }
  const [va, size_, gpa, table, frame_] = run.view.focus[run.view.at[index]];
  if (va) Object.assign(focus, { va: big(va), size: BigInt(size_), gpa: big(gpa) });
  else if (gpa) focus.gpa = big(gpa);
  if (table) focus.table = big(table);
  if (frame_) focus.frame = big(frame_);
  return focus;
}
