// The part of the map that moves: this step's addresses, and the curves between the spaces.

import { curve, tip } from "./ground.js";
import { MOST_MARKS } from "./machine.js";
import { frameOf, hex, linearParts, PAGE, pageOf, svgNumber } from "./numbers.js";
import { middle, span, spread } from "./scale.js";

// The part that moves: this step's addresses, and the curves between the spaces.
export function drawMoving(map, view, at) {
  const { focus, zoom, index } = view;
  const { lin, phys, x0, p0, p1, linWidth, inLin, inPhys } = at;
  const out = [];
  // Over the label that the frame has already; else beside it, clear of the others.
  const label = (gfn, middle_, cls) => {
    const text = hex(gfn, 5);
    const { labels, top, bottom } = at;
    const own = labels.find((other) => other.text === text);
    const { y } = own ||
      spread([...labels, { y: middle_ + 3, text }], 13, top + 6, bottom)[labels.length] || { y: middle_ + 3 };
    return `<text class="xe-pname is-mono is-over xe-pname-${cls}" x="${p1 + 6}" y="${y}">${text}</text>`;
  };
  for (const chunk of focus.chunks.slice(0, MOST_MARKS))
    if (chunk !== focus.chunk && chunk.gpa !== null && chunk.va !== null && chunk.known <= index)
      out.push(
        curve(
          at,
          "done",
          middle(lin, { lo: chunk.va, hi: chunk.va + chunk.size }),
          phys.y(chunk.gpa),
          `gfn:${hex(frameOf(chunk.gpa))}`,
        ),
      );
  for (const gfn of [focus.table, focus.frame]) {
    const mark = gfn === null ? null : { lo: gfn << 12n, hi: (gfn + 1n) << 12n };
    if (!mark || !inPhys(mark) || (focus.gpa !== null && frameOf(focus.gpa) === gfn)) continue;
    const [y, h] = span(phys, mark, 6);
    out.push(
      `<rect class="xe-mark xe-table-now" x="${p0 + 1}" y="${y}" width="44" height="${h}"` +
        ` data-k="gfn:${hex(gfn)}"/><text class="xe-pname is-mono is-over xe-pname-table" x="${p0 - 5}"` +
        ` y="${y + h / 2 + 3}" text-anchor="end">${hex(gfn, 5)}</text>`,
    );
  }
  if (focus.meant !== null && inPhys({ lo: focus.meant, hi: focus.meant + 1n })) {
    const [y, h] = span(phys, { lo: pageOf(focus.meant), hi: pageOf(focus.meant) + PAGE }, 6);
    out.push(
      `<rect class="xe-mark xe-meant" x="${p0 + 1}" y="${y}" width="44" height="${h}"` +
        `${tip("the frame that the caller meant", `gfn:${hex(frameOf(focus.meant))}`)}/>`,
    );
    if (focus.va !== null)
      out.push(
        curve(at, "meant", middle(lin, { lo: focus.va, hi: focus.va + focus.size }), phys.y(focus.meant), ""),
      );
  }
  const here = focus.va === null ? null : { lo: focus.va, hi: focus.va + focus.size };
  if (here && inLin(here)) {
    const [y, h] = span(lin, here, 6);
    out.push(
      `<rect class="xe-mark xe-now" x="${x0 + 1}" y="${y}" width="${linWidth - 2}" height="${h}"` +
        ` data-k="vp:${hex(frameOf(focus.va))}"/><path class="xe-pointer"` +
        ` d="M${x0 - 1} ${y + h / 2}l-6 -4v8z"/>`,
    );
    // In the place of the nearest label, so that none is cut by it.
    const base = y + h / 2 + 3,
      off = (label_) => Math.abs(label_.y - base);
    const nearest = [...at.starts].sort((a, b) => off(a) - off(b))[0];
    const line = nearest && off(nearest) < 13 ? nearest.y : base;
    out.push(
      `<rect class="xe-knock" x="0" y="${line - 10}" width="${x0 - 8}" height="13"/>` +
        `<text class="xe-addr is-now" x="${x0 - 9}" y="${line}" text-anchor="end">` +
        `${svgNumber(linearParts(focus.va))}</text>`,
    );
  }
  if (focus.gpa !== null) {
    const mark =
      zoom === 2
        ? { lo: focus.gpa, hi: focus.gpa + focus.size }
        : { lo: pageOf(focus.gpa), hi: pageOf(focus.gpa) + PAGE };
    const [y, h] = span(phys, mark, 6);
    out.push(
      `<rect class="xe-mark xe-now${focus.wrong ? " is-wrong" : ""}" x="${p0 + 1}" y="${y}" width="44"` +
        ` height="${h}" data-k="gfn:${hex(frameOf(focus.gpa))}"/>`,
    );
    if (here) out.push(curve(at, focus.wrong ? "wrong" : "now", middle(lin, here), y + h / 2, ""));
    else if (focus.chunks.length)
      out.push(
        `<path class="xe-curve xe-curve-now" d="M${p0 - 34} ${y + h / 2}h30m-6 -4l6 4l-6 4"/>` +
          `<text class="xe-handle" x="${p0 - 36}" y="${y + h / 2 - 5}">handle</text>`,
      );
    if (focus.wrong) out.push(`<path class="xe-cross" d="M${p1 + 44} ${y + h / 2 - 4}l8 8m0 -8l-8 8"/>`);
    out.push(label(frameOf(focus.gpa), y + h / 2, focus.wrong ? "wrong" : "now"));
  }
  const desc =
    focus.va === null
      ? "No address at this step."
      : `Linear ${hex(focus.va, 16)}` +
        (focus.gpa === null ? ", not translated yet" : ` is guest-physical ${hex(focus.gpa, 8)}`) +
        `${focus.wrong ? ", the wrong frame" : ""}.`;
  return { html: out.join(""), desc };
}
