// The part of the map that stays while one copy is stepped through.

import { framesNear, linearBlocks, MOST_MARKS, physicalBlocks, ZOOMS } from "./machine.js";
import { tableLabel } from "./folded.js";
import { esc, frameOf, hex, linearParts, PAGE, pageOf, plural, size, svgNumber } from "./numbers.js";
import { isHole, middle, scaleOf, span, spread, uniqueNames } from "./scale.js";

// Pieces of the copy that lie in no buffer's pages, in either space (null: it does).
export function strays(map, focus) {
  return focus.chunks
    .slice(0, MOST_MARKS)
    .map(({ va, size: bytes, gpa }) => ({
      va: va !== null && !map.bufferAt(va) ? va : null,
      size: bytes,
      gpa: gpa !== null && !map.frames.has(frameOf(gpa)) ? gpa : null,
    }))
    .filter(({ va, gpa }) => va !== null || gpa !== null);
}

// Marks of both spaces for one step: the call's buffers, their aliases, registered ranges.
function marksOf(map, focus, state, tables, zoom) {
  /** @type {Record<string, any>[]} */
  const lin = [];
  const phys = [];
  for (const buffer of map.buffers) {
    const keys = buffer.frames
      .slice(0, 4)
      .map((f) => `gfn:${hex(f)}`)
      .join(" ");
    const words_ =
      `${buffer.name}: ${size(buffer.size)}, ${buffer.kind}${buffer.own ? ", placed by the option" : ""}` +
      (buffer.process ? `, process ${buffer.process}` : "");
    lin.push({
      lo: buffer.va,
      hi: buffer.va + buffer.size,
      cls: "buf",
      name: buffer.name,
      keys: `buf:${buffer.name} vp:${hex(frameOf(buffer.va))} ${keys}`,
      words: words_,
      buffer,
    });
    const shown = buffer.frames.length > 6 ? buffer.frames.slice(0, 3) : buffer.frames;
    shown.forEach((gfn, at) => {
      const shared = state.shared.get(hex(gfn)) ?? map.atFirst.get(hex(gfn)) ?? buffer.shared;
      // Seen from near by, only the buffer's own bytes of the frame.
      const first = pageOf(buffer.va) + BigInt(at) * PAGE,
        base = gfn << 12n;
      const from = zoom === 2 && buffer.va > first ? buffer.va - first : 0n;
      const past = buffer.va + buffer.size - first;
      phys.push({
        lo: base + from,
        hi: base + (zoom === 2 && past < PAGE ? past : PAGE),
        cls: "buf",
        name: hex(gfn, 5),
        shared,
        keys: `gfn:${hex(gfn)} buf:${buffer.name}`,
        words:
          `gfn ${hex(gfn, 5)}: page ${at + 1} of ${buffer.name}` +
          (map.encrypted ? (shared ? ", shared" : ", private") : ""),
      });
      const alias = buffer.aliases[at];
      if (alias !== null && alias !== pageOf(buffer.va) + BigInt(at) * PAGE)
        lin.push({
          lo: alias,
          hi: alias + PAGE,
          cls: "alias",
          name: "",
          gfn,
          keys: `vp:${hex(frameOf(alias))} gfn:${hex(gfn)}`,
          words: `directmap alias of gfn ${hex(gfn, 5)}, page ${at + 1} of ${buffer.name}`,
        });
    });
  }
  for (const chunk of strays(map, focus)) {
    if (chunk.va !== null)
      lin.push({
        lo: chunk.va,
        hi: chunk.va + chunk.size,
        cls: "buf",
        name: "",
        keys: `vp:${hex(frameOf(chunk.va))}`,
        words: "a piece of this copy",
      });
    if (chunk.gpa !== null)
      phys.push({
        lo: pageOf(chunk.gpa),
        hi: pageOf(chunk.gpa) + PAGE,
        cls: "touched",
        name: hex(frameOf(chunk.gpa), 5),
        keys: `gfn:${hex(frameOf(chunk.gpa))}`,
        words: `gfn ${hex(frameOf(chunk.gpa), 5)}`,
      });
  }
  for (const run of map.tables)
    phys.push({ ...run, cls: "tables", name: "", keys: "", words: `${plural(run.count, "page-table frame")}` });
  for (const mark of map.types) phys.push({ ...mark, keys: "", words: mark.name });
  const entries = tables.flatMap(([key, table]) => table.slots.slice(0, 16).map((slot) => ({ ...slot, key })));
  return { lin, phys, entries };
}

// The part of the map that stays while one copy is stepped through, as SVG text, and
// the scales that the moving part is drawn to.
export function drawGround(map, view) {
  const { focus, state, tables, zoom, width, height, uid, selected } = view;
  const marks = marksOf(map, focus, state, tables, zoom);
  const centre =
    selected !== null
      ? { va: selected, size: 1n }
      : focus.va !== null
        ? { va: focus.va, size: focus.size }
        : map.buffers.length
          ? { va: map.buffers[0].va, size: map.buffers[0].size }
          : null;
  const gpaCentre = focus.gpa ?? (map.buffers.length ? map.buffers[0].frames[0] << 12n : null);
  const top = 18,
    bottom = height - 8;
  const x0 = 128,
    linWidth = Math.max(78, Math.min(108, (width - 128 - 96) * 0.42)),
    x1 = x0 + linWidth;
  const gap = Math.max(40, Math.min(150, width - x1 - 46 - 90)),
    p0 = x1 + gap,
    p1 = p0 + 46;
  const linBlocks = linearBlocks(map, marks.lin, zoom, centre);
  const physBlocks = physicalBlocks(map, marks.phys, zoom, gpaCentre, framesNear(map, focus));
  const snap = (lo, hi) => (zoom === 2 ? { lo, hi } : { lo: pageOf(lo), hi: pageOf(hi + PAGE - 1n) });
  const edges = marks.entries.map((e) => snap(e.va, e.va + e.size));
  const physEdges = marks.entries.map((e) => snap(e.pa, e.pa + e.size));
  const lin = scaleOf(linBlocks, [...marks.lin, ...edges], top, bottom, zoom);
  const phys = scaleOf(physBlocks, [...marks.phys, ...map.kernel, ...physEdges], top, bottom, zoom);
  const linLow = linBlocks[0].lo,
    linHigh = linBlocks[linBlocks.length - 1].hi;
  const physLow = physBlocks[0].lo,
    physHigh = physBlocks[physBlocks.length - 1].hi;
  const inLin = (m) => m.lo < linHigh && m.hi > linLow,
    inPhys = (m) => m.lo < physHigh && m.hi > physLow;
  const out = [],
    addresses = [],
    names = [],
    barNames = [];

  // Bands: what each registered range joins.
  for (const e of marks.entries.filter((e) => inLin({ lo: e.va, hi: e.va + e.size })).slice(0, 6)) {
    const a = lin.y(e.va + e.size),
      b = lin.y(e.va),
      c = phys.y(e.pa + e.size),
      d = phys.y(e.pa);
    out.push(
      `<path class="xe-band" d="M${x1} ${a}L${p0} ${c}V${d}L${x1} ${b}z" data-k="slot:${e.key}:${e.slot}"/>`,
    );
  }
  for (const block of linBlocks) {
    const [y, h] = span(lin, block);
    if (isHole(block)) {
      const text = `${block.names.join(", ")}: ${hex(block.lo, 16)} to ${hex(block.hi - 1n, 16)}`;
      out.push(
        `<path class="xe-gap" d="M${x0} ${y}v${h}M${x1} ${y}v${h}"/>` +
          `<rect class="xe-hit" x="${x0}" y="${y}" width="${linWidth}" height="${h}"${tip(text)}/>`,
      );
      continue;
    }
    out.push(
      `<rect class="xe-region" x="${x0}" y="${y + 0.5}" width="${linWidth}" height="${Math.max(1, h - 1)}"` +
        ` data-va="${hex(block.lo)}"` +
        `${tip(`${block.name}: ${hex(block.lo, 16)}, ${size(block.hi - block.lo)}`)}/>`,
    );
    if (h >= 12)
      out.push(
        `<text class="xe-rname" x="${x0 + 7}" y="${y + Math.min(h / 2 + 4, 13)}">` +
          `${esc(block.page ? "" : block.name)}</text>`,
      );
    addresses.push({ y: y + h - 2, parts: linearParts(block.lo), quiet: true });
  }
  for (const block of physBlocks) {
    const [y, h] = span(phys, block);
    const text = isHole(block)
      ? `no RAM: ${block.names.join(", ")}`
      : `${block.name || block.what || ""} ${hex(block.lo, 8)}, ${size(block.hi - block.lo)}` +
        (block.kind === "ram" && map.encrypted ? ", private unless shared" : "");
    if (isHole(block)) {
      out.push(
        `<path class="xe-gap" d="M${p0} ${y}v${h}M${p1} ${y}v${h}"/>` +
          `<rect class="xe-hit" x="${p0}" y="${y}" width="46" height="${h}"${tip(text)}/>`,
      );
      if (!block.apart) names.push({ y: y + h / 2 + 3, text: "no RAM", rank: 5 });
    } else {
      out.push(
        `<rect class="xe-region" x="${p0}" y="${y + 0.5}" width="46" height="${Math.max(1, h - 1)}"${tip(text)}/>`,
      );
      if (block.kind === "ram" && map.encrypted)
        out.push(
          `<rect class="xe-private" x="${p0}" y="${y + 0.5}" width="46" height="${Math.max(1, h - 1)}"` +
            ` fill="url(#${uid}-hatch)"/>`,
        );
      if (!block.page) names.push({ y: y + Math.min(10, h / 2 + 3), text: block.name, rank: 2 });
      else names.push({ y: y + h - 4, text: hex(frameOf(block.lo), 5), mono: true, rank: 2 });
    }
  }
  for (const part of map.kernel.filter(inPhys)) {
    const [y, h] = span(phys, part);
    out.push(
      `<path class="xe-part" d="M${p0} ${y + 0.5}h46M${p0} ${y + h - 0.5}h46"/>` +
        `<rect class="xe-hit" x="${p0}" y="${y}" width="46" height="${h}"${tip(`${part.name}: ${part.what}`)}` +
        `/>`,
    );
    if (zoom < 2) names.push({ y: y + h / 2 + 3, text: part.name, rank: 3 });
  }
  for (const entry of marks.entries) {
    const key = `slot:${entry.key}:${entry.slot}`;
    const words_ =
      `registered, ${tableLabel(entry.key)} [${entry.slot}] ${entry.label}: ` +
      `${hex(entry.va, 16)} + ${size(entry.size)} is guest-physical ${hex(entry.pa, 8)}`;
    const range = { lo: entry.va, hi: entry.va + entry.size };
    if (inLin(range)) {
      const [y, h] = span(lin, range, 4);
      out.push(
        `<rect class="xe-reg" x="${x0 + 1}" y="${y + 0.5}" width="${linWidth - 2}"` +
          ` height="${Math.max(3, h - 1)}"${tip(words_, key)}/>`,
      );
      if (h > 30)
        out.push(`<text class="xe-regname" x="${x0 + 7}" y="${y + 26}">registered [${entry.slot}]</text>`);
    }
  }
  for (const mark of marks.lin.filter(inLin)) {
    const [y, h] = span(lin, mark, 5);
    out.push(
      `<rect class="xe-mark xe-${mark.cls}${h > 24 ? " is-large" : ""}" x="${x0 + 1}" y="${y}"` +
        ` width="${linWidth - 2}" height="${h}"${tip(mark.words, mark.keys)}/>`,
    );
    if (mark.cls === "buf") addresses.unshift({ y: y + h / 2 + 3, parts: linearParts(mark.lo) });
    if (mark.cls === "buf" && mark.name && h >= 12)
      barNames.push(
        `<text class="xe-barname${h > 24 ? " is-large" : ""}" x="${x0 + 7}"` +
          ` y="${y + h / 2 + 3.5}">${esc(mark.name)}</text>`,
      );
  }
  for (const mark of marks.phys.filter(inPhys)) {
    const [y, h] = span(phys, mark, mark.cls === "tables" ? 4 : 5);
    if (mark.cls === "tables")
      out.push(
        `<path class="xe-tables" d="M${p0 + 4} ${y}v${h}M${p0 + 8} ${y}v${h}M${p0 + 12} ${y}v${h}"/>` +
          `<rect class="xe-hit" x="${p0}" y="${y}" width="16" height="${Math.max(h, 6)}"${tip(mark.words)}/>`,
      );
    else if (mark.cls === "hole" || mark.cls === "type")
      out.push(
        `<rect class="xe-p2m xe-p2m-${mark.cls}" x="${p0 + 1}" y="${y}" width="44" height="${h}"${tip(mark.words)}/>`,
      );
    else {
      const state_ = map.encrypted && mark.cls === "buf" ? (mark.shared ? " is-shared" : " is-private") : "";
      out.push(
        `<rect class="xe-mark xe-${mark.cls}${state_}${h > 24 ? " is-large" : ""}" x="${p0 + 1}" y="${y}"` +
          ` width="44" height="${h}"${tip(mark.words, mark.keys)}/>`,
      );
      if (state_ === " is-private")
        out.push(
          `<rect class="xe-private" x="${p0 + 1}" y="${y}" width="44" height="${h}" fill="url(#${uid}-hatch)"/>`,
        );
      names.push({ y: y + h / 2 + 3, text: mark.name, mono: true, cls: mark.cls, rank: 1 });
    }
    if (mark.cls === "tables" && zoom < 2) names.push({ y: y + h / 2 + 3, text: "page tables", rank: 4 });
  }
  const order = addresses.sort((a, b) => (a.quiet ? 1 : 0) - (b.quiet ? 1 : 0));
  const once = new Set();
  const starts = spread(
    order.filter(({ parts }) => !once.has(parts.join()) && once.add(parts.join())),
    13,
    top + 6,
    bottom,
  );
  const labels = spread(uniqueNames(names), 13, top + 6, bottom);
  const at = { lin, phys, x0, x1, p0, p1, gap, linWidth, inLin, inPhys, starts, labels, top, bottom };
  for (const mark of marks.lin.filter((m) => m.cls === "alias" && inLin(m)).slice(0, MOST_MARKS))
    out.push(curve(at, "alias", middle(lin, mark), phys.y((mark.gfn << 12n) + 2048n), mark.keys));
  for (const label of starts)
    out.push(
      `<text class="xe-addr${label.quiet ? " is-quiet" : ""}" x="${x0 - 9}" y="${label.y}"` +
        ` text-anchor="end">${svgNumber(label.parts)}</text>`,
    );
  for (const label of labels)
    out.push(
      `<text class="xe-pname ${label.mono ? "is-mono" : ""} xe-pname-${label.cls || "quiet"}" x="${p1 + 6}"` +
        ` y="${label.y}">${esc(label.text)}</text>`,
    );
  const heads =
    `<text class="xe-axis" x="${x0}" y="11">linear</text>` +
    `<text class="xe-axis" x="${p0}" y="11">guest-physical</text>`;
  const html = (moving) =>
    `<svg class="xe-mapsvg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"` +
    ` role="img" aria-labelledby="${uid}-mt ${uid}-md">` +
    `<title id="${uid}-mt">Linear and guest-physical address space, ${ZOOMS[zoom]} view</title>` +
    `<desc id="${uid}-md">${moving.desc}</desc><defs><pattern id="${uid}-hatch" width="6"` +
    ` height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">` +
    `<path class="xe-hatchline" d="M0 0v6"/></pattern></defs><g>${out.join("")}${heads}</g>` +
    `<g class="xe-over">${moving.html}</g><g>${barNames.join("")}</g></svg>`;
  return { html, at };
}
export const tip = (text, keys) => `${keys ? ` data-k="${esc(keys)}"` : ""}${text ? ` data-t="${esc(text)}"` : ""}`;
export const curve = ({ x1, p0, gap }, cls, from, to, key) =>
  `<path class="xe-curve xe-curve-${cls}"` +
  ` d="M${x1} ${from}C${x1 + gap * 0.45} ${from} ${p0 - gap * 0.45} ${to} ${p0} ${to}"` +
  `${key ? ` data-k="${key}"` : ""}/>`;
