// The picture of one machine: parsed once, and what of it a zoom shows.

import { big, frameOf, hex, PAGE, pageOf } from "./numbers.js";
import { isHole, MAIN, overlaps, PARTS, TOP, WHOLES } from "./scale.js";

// The picture of one machine: parsed once, drawn for a step.
export class MachineMap {
  /**
   * @param {import("./trace.js").Trace["machine"]} machine
   * @param {import("./trace.js").Step[]} steps
   */
  constructor(machine, steps) {
    this.machine = machine;
    // What a frame was before its first flip (an option's own pages are listed as they ended).
    this.atFirst = new Map();
    for (const step of steps)
      if (step.kind === "flip" && !this.atFirst.has(hex(big(step.gfn))))
        this.atFirst.set(hex(big(step.gfn)), !step.shared);
    this.encrypted = machine.guest.encryption !== "none";
    this.regions = machine.regions.map((r) => ({
      name: r.name,
      kind: r.kind,
      lo: big(r.start),
      hi: big(r.end),
      physical: big(r.physical),
    }));
    const parse = (r) => ({ name: r.name, kind: r.kind, what: r.what, lo: big(r.start), hi: big(r.end) });
    this.ram = machine.gpa_regions.filter((r) => r.kind !== "kernel").map(parse);
    this.kernel = machine.gpa_regions.filter((r) => r.kind === "kernel").map(parse);
    this.buffers = machine.buffers.map((b, at) => ({
      name: b.name,
      kind: b.kind,
      va: big(b.va),
      size: BigInt(b.size),
      frames: b.frames.map(big),
      aliases: b.aliases.map(big),
      shared: b.shared,
      own: at >= machine.placed,
      process: b.process,
    }));
    this.frames = new Set(this.buffers.flatMap((b) => b.frames));
    this.tables = runsOf(machine.table_frames.map(big));
    this.types = this.p2mMarks(machine.p2m);
  }
  // P2M runs that are not plain RAM, and RAM that the P2M does not have.
  p2mMarks(runs) {
    if (!runs.length) return [];
    const marks = [];
    const parsed = runs.map((r) => ({
      lo: big(r.gfn) << 12n,
      hi: (big(r.gfn) + BigInt(r.frames)) << 12n,
      type: r.p2m_type,
    }));
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
  // The part of guest-physical space that an address lies in; none for null.
  ramAt(gpa) {
    return gpa === null ? undefined : this.ram.find((part) => part.lo <= gpa && gpa < part.hi);
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

export const ZOOMS = ["space", "region", "page"];
export const MOST_MARKS = 24;

export function linearBlocks(map, marks, zoom, centre) {
  if (zoom && centre !== null) {
    const region = map.regionAt(centre.va);
    if (zoom === 1 && region) return [{ ...region, weight: 20 }];
    const lo = pageOf(centre.va) > 0n ? pageOf(centre.va) - PAGE : 0n;
    const pages = (pageOf(centre.va + centre.size - 1n) - pageOf(centre.va)) / PAGE;
    let hi = pageOf(centre.va) + ((pages > 3n ? 3n : pages) + 2n) * PAGE;
    if (hi > TOP) hi = TOP;
    const blocks = [];
    for (let at = lo; at < hi; at += PAGE)
      blocks.push({ name: map.regionAt(at).name, kind: map.regionAt(at).kind, lo: at, hi: at + PAGE, page: true });
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

export function physicalBlocks(map, marks, zoom, centre, frames) {
  if (zoom === 2 && centre !== null) {
    const blocks = [];
    for (const gfn of frames) {
      const lo = gfn << 12n,
        last = blocks[blocks.length - 1];
      if (last && last.hi < lo)
        blocks.push({ lo: last.hi, hi: lo, kind: "gap", names: ["other frames"], apart: true });
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
export function framesNear(map, focus) {
  const found = new Set();
  const buffer = focus.va === null ? map.buffers[0] : map.bufferAt(focus.va);
  const at = buffer && focus.va !== null ? Number((pageOf(focus.va) - pageOf(buffer.va)) / PAGE) : 0;
  for (const gfn of buffer ? buffer.frames.slice(Math.max(0, at - 1), at + 2) : []) found.add(gfn);
  for (const address of [focus.gpa, focus.meant]) if (address !== null) found.add(frameOf(address));
  for (const gfn of [focus.table, focus.frame]) if (gfn !== null && found.size < 5) found.add(gfn);
  if (found.size === 1) {
    const [gfn] = found;
    for (const beside of [gfn - 1n, gfn + 1n]) if (beside >= 0n) found.add(beside);
  }
  return [...found].sort((a, b) => (a < b ? -1 : 1));
}
