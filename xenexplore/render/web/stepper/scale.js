// A scale that is true to the order of addresses, and small things kept apart on it.

import { PAGE } from "./numbers.js";

export const TOP = 1n << 64n;
export const MAIN = new Set([
  "user",
  "identity",
  "directmap",
  "percpu",
  "vmalloc",
  "vmemmap",
  "image",
  "stack",
  "modules",
]);

// A monotone scale: `cuts` ascending and, for each interval, a height: fixed in
// pixels, or a share of what the fixed ones leave.  High addresses on top.
export class Scale {
  /**
   * @param {bigint[]} cuts
   * @param {{fixed?: number, share?: number}[]} heights
   * @param {number} top
   * @param {number} bottom
   */
  constructor(cuts, heights, top, bottom) {
    let fixed = 0,
      shares = 0;
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
  /** @param {bigint} address */
  y(address) {
    const { cuts, ys } = this;
    if (address <= cuts[0]) return ys[0];
    if (address >= cuts[cuts.length - 1]) return ys[ys.length - 1];
    let low = 0,
      high = cuts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (cuts[middle] <= address) low = middle;
      else high = middle;
    }
    const part = Number(((address - cuts[low]) * 4096n) / (cuts[low + 1] - cuts[low])) / 4096;
    return ys[low] + (ys[low + 1] - ys[low]) * part;
  }
}

export const PARTS = new Set(["percpu", "stack", "image", "directmap"]);
export const WHOLES = new Set(["directmap", "image"]);
export const isHole = (block) => block.kind === "gap";
export const overlaps = (a, b) => a.lo < b.hi && b.lo < a.hi;

// Blocks (regions and gaps) and marks (pages, entries) to a scale.
export function scaleOf(blocks, marks, top, bottom, zoom) {
  /** @type {Set<bigint>} */
  const cuts = new Set();
  const low = blocks[0].lo,
    high = blocks[blocks.length - 1].hi;
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

// Labels kept apart: the first come first, later ones move or go.
export function spread(labels, gap, top, bottom) {
  const placed = [];
  for (const label of labels) {
    const free = (y) => placed.every((other) => Math.abs(other.y - y) >= gap) && y >= top && y <= bottom;
    const y = [0, gap, -gap, gap / 2, -gap / 2, 2 * gap, -2 * gap].map((d) => label.y + d).find((y) => free(y));
    if (y !== undefined) placed.push({ ...label, y });
  }
  return placed;
}

// Top and height of a mark, at least so high that it can be seen.
export function span(scale, mark, least = 3) {
  const low = scale.y(mark.lo),
    high = scale.y(mark.hi);
  return low - high >= least ? [high, low - high] : [(low + high) / 2 - least / 2, least];
}

export const middle = (scale, mark) => (scale.y(mark.lo) + scale.y(mark.hi)) / 2;

// Labels once each, the most important first.
export function uniqueNames(names) {
  const seen = new Set();
  return names.sort((a, b) => a.rank - b.rank).filter((n) => n.text && !seen.has(n.text) && seen.add(n.text));
}
