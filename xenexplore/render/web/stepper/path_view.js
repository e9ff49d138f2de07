// How Xen gets there, drawn: the address as bit-fields, a box for each table, lookup, P2M, frame.
// What stands where, and what it says, comes from Python (piece_paths.py, path_layout.py).

import { term } from "./explain.js";
import { big, esc, frameOf, hex } from "./numbers.js";
import { patch } from "./patch.js";
import { View } from "./view.js";
import { clip } from "./words.js";

// Heights in px: the fields of the address, a box, the distance of a branch.
const FIELD = 20,
  BOX = 66,
  BRANCH = 20,
  SLOT = 92,
  GAP = 17,
  // A little less, where the whole path is then in one line.
  CLOSE = 84,
  NEAR = 11,
  MARGIN = 12; // left of lines that are turned to

// Columns in one line where there is room, else in several of one length.
function layOut(columns, room, high) {
  const close = columns * SLOT > room && columns * CLOSE <= room;
  const least = close ? CLOSE : SLOT;
  const across = columns * least <= room ? columns : Math.max(1, Math.floor((room - MARGIN) / SLOT));
  const lines = Math.ceil(columns / across);
  const even = Math.ceil(columns / lines);
  const margin = lines > 1 ? MARGIN : 0;
  const slot = Math.min(150, Math.max(least, (room - margin) / even));
  const pitch = high + (lines > 1 ? 14 : 0);
  const place = (column) => ({
    x: margin + (column % even) * slot + 2,
    line: Math.floor(column / even) * pitch,
  });
  return {
    place,
    slot,
    lines,
    across: even,
    gap: close ? NEAR : GAP,
    width: margin + even * slot,
    height: lines * pitch,
  };
}

export class PathView extends View {
  constructor(stepper) {
    super(stepper);
    this.drawn = true; // drawn or, by choice, as rows
  }
  // The path of the piece that this step belongs to, or null outside a copy.
  get path() {
    const { run, index } = this;
    const paths = run.view.copies[run.unit[index]];
    if (!paths) return null;
    let at = paths[0];
    for (const one of paths) if (one[0] <= index) at = one;
    return at;
  }
  draw() {
    const { index, parts } = this;
    const path = this.path;
    const { root } = this.stepper;
    root.classList.toggle("is-drawn", this.drawn && path !== null);
    root.classList.toggle("has-path", path !== null);
    if (!path) return;
    const width = this.stepper.sizes.path;
    const key = `${path[0]}:${path[1]}:${width}`;
    if (key !== this.key) {
      this.key = key;
      const held = parts.drawn.contains(document.activeElement) && document.activeElement.dataset.box;
      patch(parts.drawn, this.html(path[0], path[1], width));
      if (held) parts.drawn.querySelector(`[data-box="${held}"]`)?.focus({ preventScroll: true });
      this.marks = [...parts.drawn.querySelectorAll("[data-first]")].map((mark) => ({
        mark,
        turns: [mark.dataset.first, mark.dataset.told].filter(Boolean).map(Number),
        box: mark.matches(".xe-box:not(.is-meant)"),
        lookUp: mark.matches(".xe-lookedup"),
        shown: "",
      }));
    }
    const reached = ({ turns }) => turns.filter((at) => at <= index);
    const lookedUp = this.marks.find(({ lookUp, turns }) => lookUp && turns[0] === index);
    const now = lookedUp ? -1 : Math.max(-1, ...this.marks.filter(({ box }) => box).flatMap(reached));
    for (const one of this.marks) {
      const { mark, turns, box } = one;
      const isNow = one === lookedUp || (box && reached(one).includes(now));
      const shown = `${isNow}${turns.map((at) => at > index)}`;
      if (shown === one.shown) continue;
      one.shown = shown;
      mark.classList.toggle("is-ahead", turns[0] > index);
      mark.classList.toggle("is-now", isNow);
      mark.classList.toggle("is-untold", turns[1] > index);
    }
    this.keepInSight();
  }
  // Where the path is taller than its box, the present node is scrolled to.
  keepInSight() {
    const { drawn } = this.parts;
    const frame = drawn.querySelector(".xe-box.is-now > rect");
    if (!frame) return;
    const to = this.lines > 1 ? Number(frame.getAttribute("data-line")) : 0;
    if (to !== (this.scrolled ?? 0)) drawn.scrollTop = this.scrolled = to;
  }
  html(start, at, width) {
    const { run } = this;
    const [shape, named, values] = run.view.paths[at];
    const [nodes, edges, bits] = run.view.shapes[shape];
    const columns = 1 + Math.max(...nodes.map(([, column]) => column), ...bits.map(([column]) => column));
    const branches = nodes.some(([, , row]) => row);
    const astray = nodes.some(([role]) => role === "meant");
    const top = bits.length ? 16 + FIELD + 14 : 6;
    const high = top + BOX + (branches ? BRANCH + 38 : 0) + (astray ? 12 : 4);
    const lay = layOut(columns, width - 4, high);
    this.lines = lay.lines;
    const boxes = nodes.map(([role, column, row, first, told], k) => {
      const wide = row === 1 && role !== "meant" && lay.across > 1 ? 2 * lay.slot : lay.slot;
      const { x, line } = lay.place(column);
      return {
        role,
        column,
        row,
        line,
        first: role === "handle" ? run.unit[start] : start + first,
        told: told ? start + told : 0,
        words: run.view.named[named[k]],
        x: Math.min(x, lay.width - wide),
        y: line + top + row * (BOX + BRANCH),
        width: wide - lay.gap,
        height: row ? 38 : BOX,
      };
    });
    const out = edges.map(([from, to, way, first]) =>
      this.edgeHtml(boxes[from], boxes[to], way, start + first, high),
    );
    bits.forEach((field, k) => out.push(this.fieldHtml(field, values.split(" ")[k], lay, boxes, top)));
    boxes.forEach((box, k) => out.push(this.boxHtml(box, k, bits)));
    const title = "The path of this piece";
    return (
      `<svg class="xe-pathsvg" width="${lay.width}"` +
      ` height="${lay.height}" viewBox="0 0 ${lay.width} ${lay.height}" role="group"` +
      ` aria-label="${title}">${out.join("")}</svg>`
    );
  }
  // A field of the address, and the line from it to the entry that it chooses.
  fieldHtml([column, high, low, level], value, lay, boxes, top) {
    const { x, line } = lay.place(column),
      width = lay.slot - 4;
    const box = boxes.find((other) => other.column === column && other.row === 0);
    const name = level < 0 ? "" : ` data-k="f:${level}"`;
    const under = line + 16 + FIELD;
    const to = level > 0 && box ? this.entryAt(box) : 0;
    const chosen = level < 0 || !box ? "" : `<path class="xe-choose" d="M${x + 7} ${under}V${line + top + to}"/>`;
    return (
      `<g class="xe-field xe-l${Math.max(level, 0)}${level < 0 ? " is-rest" : ""}"${name}` +
      `${term(level > 0 ? "word:index" : level ? "" : "word:offset")}>` +
      `<text class="xe-bitrange" x="${x + width / 2}" y="${line + 11}" text-anchor="middle">${high}:${low}</text>` +
      `<rect x="${x}" y="${line + 16}" width="${width}" height="${FIELD}"/>` +
      `<text x="${x + width / 2}" y="${under - 5.5}" text-anchor="middle">${value}</text>${chosen}</g>`
    );
  }
  // How far down its table an entry stands.
  entryAt(box) {
    return 4 + ((BOX - 8) * this.run.steps[box.first].index) / 511;
  }
  boxHtml(box, at, bits) {
    const { run } = this;
    const {
      role,
      x,
      y,
      width,
      height,
      first,
      told,
      words: [label, main, side, tone],
    } = box;
    const step = run.steps[first];
    const table = role === "entry";
    const level = table && bits.length ? step.level : 0;
    const left = table ? 12 : 8;
    const [mono, sans] = [7.25, 6.5].map((wide) => Math.floor((width - left) / wide));
    const text = (line, down, cls = "") => `<text class="${cls}" x="${x + left}" y="${y + down}">${line}</text>`;
    const lines = table
      ? entryLines(step)
      : height < BOX
        ? [esc(clip(main, mono))]
        : plainLines(main, mono).slice(0, 2);
    const at_ = side.replace(/'?(\w{3})$/, '<tspan dx="3">$1</tspan>').replace("at ", "");
    const more = table ? [at_] : plainLines(side, sans).slice(0, height < BOX ? 1 : 2);
    const gauge = !table
      ? ""
      : `<rect class="xe-gauge" x="${x}" y="${y}" width="9" height="${height}"/>` +
        `<path class="xe-taken" d="M${x} ${y + this.entryAt(box)}h9"/>`;
    const keys = [
      table ? `gfn:${hex(frameOf(big(step.table)))}` : "",
      level ? `f:${level}` : "",
      role === "guest_frame" ? `gfn:${main.slice(4).replace(/^0+/, "")} f:0` : "",
    ]
      .filter(Boolean)
      .join(" ");
    const settled = told ? ` data-told="${told}"` : "";
    const kind = { guest_frame: "move", meant: "move", handle: "copy" }[role] ?? step.kind;
    let down = 15;
    const rows = [text(esc(label), down, "xe-boxname")];
    for (const line of lines) rows.push(text(line, (down += 15), "xe-boxmain"));
    if (height === BOX)
      more
        .slice(0, 3 - lines.length + (lines.length < 2 ? 1 : 0))
        .forEach((line) => rows.push(text(line, (down += 15), `xe-boxside${told ? " xe-verdictline" : ""}`)));
    else if (more.length)
      rows[0] = text(`${esc(label)} <tspan class="xe-boxside" dx="6">${more[0]}</tspan>`, 15, "xe-boxname");
    const said = `${label} ${main.replaceAll("'", "")}${side ? `, ${side}` : ""}`;
    return (
      `<g class="xe-box is-${role} is-${tone}-tone xe-l${level}" tabindex="0" role="button"` +
      ` aria-label="${esc(said)}" data-box="${at}" data-first="${first}"${settled}` +
      ` data-go="${told || first}"${keys ? ` data-k="${keys}"` : ""}${term(`step:${kind}`)}>` +
      `<rect class="xe-boxframe" x="${x}" y="${y}" width="${width}"` +
      ` height="${height}" data-line="${box.line}"/>${gauge}${rows.join("")}</g>`
    );
  }
  edgeHtml(from, to, way, first, high) {
    const cls = `xe-go is-${way || "on"}${to.words[3] === "bad" && !way ? " is-bad-tone" : ""}`;
    const told = to.told && to.words[3] === "bad" ? ` data-told="${to.told}"` : "";
    const x0 = from.x + from.width,
      x1 = to.x;
    const y = (box) => box.y + box.height / 2;
    let way_ = `M${x0} ${y(from)}H${x1 - 5}`;
    let head = `M${x1 - 6} ${y(to) - 4}l6 4l-6 4`;
    if (way === "meant") {
      const turn = to.line > from.line ? `V${to.line - 5}H5` : "";
      way_ = `M${from.x + 14} ${from.y + from.height}${turn}V${to.line + high - 4}H${x1 + 20}V${to.y + to.height + 4}`;
      head = `M${x1 + 16} ${to.y + to.height + 6}l4 -6l4 6`;
    } else if (to.line > from.line) {
      way_ = `M${x0} ${y(from)}h7V${to.line - 9}H5V${y(to)}H${x1 - 5}`;
    } else if (to.row > from.row) {
      way_ = `M${x0 - 14} ${from.y + from.height}V${y(to)}H${x1 - 5}`;
    } else if (to.row < from.row) {
      const up = from.x + from.width / 2;
      way_ = `M${to.x + 30} ${from.y}V${to.y + to.height + 5}`;
      head = `M${to.x + 26} ${to.y + to.height + 6}l4 -6l4 6`;
      if (to.x + 30 < from.x || to.x + 30 > from.x + from.width)
        way_ = `M${up} ${from.y}V${from.y - 8}H${to.x + 30}V${to.y + to.height + 5}`;
    }
    const p2m = this.tableLookUp(to);
    const mark =
      p2m < 0
        ? ""
        : `<g class="xe-lookedup" data-first="${p2m}" data-go="${p2m}"${term("step:p2m-lookup")}>` +
          `<path d="M${x1 - 8.7} ${y(to) - 4.3}l4.3 4.3l-4.3 4.3l-4.3 -4.3z"/></g>`;
    return (
      `<g class="${cls}" data-first="${first}"${told}><path d="${way_}"/>` +
      `<path class="xe-arrowhead" d="${head}"/></g>${mark}`
    );
  }
  // The P2M lookup of the table that an entry is read from.
  tableLookUp(box) {
    if (box.role !== "entry") return -1;
    return this.run.steps[box.first - 1]?.kind === "p2m-lookup" ? box.first - 1 : -1;
  }
  set(drawn) {
    this.drawn = drawn;
    this.stepper.root
      .querySelectorAll('[data-act="as"]')
      .forEach((b) => b.setAttribute("aria-pressed", String((b.dataset.as === "drawn") === drawn)));
    this.stepper.measure();
    this.stepper.render();
  }
}

// An entry in two lines; the digits of the address in it are those of the next table or frame.
function entryLines(step) {
  const value = big(step.entry),
    digits = hex(value, 16);
  const next = `gfn:${hex((value >> 12n) & 0xffffffffffn)}`;
  const group = (from) =>
    `${digits.slice(from, from + 4)}<tspan dx="3">${digits.slice(from + 4, from + 8)}</tspan>`;
  const address = (from, to) => `<tspan class="xe-next" data-k="${next}">${digits.slice(from, to)}</tspan>`;
  return [
    value >> 32n ? group(0) : `<tspan class="xe-zeros">${group(0)}</tspan>`,
    `${address(8, 12)}<tspan class="xe-next" data-k="${next}" dx="3">${digits[12]}</tspan>${digits.slice(13)}`,
  ];
}

// A few words in lines that fit: a number in its groups, else at a comma, a dot or a space.
function plainLines(text, room) {
  const parts = text.includes("'") ? text.split("'") : text.split(/(?:, | · )/);
  return parts
    .flatMap((part) => {
      if (part.length <= room) return [part];
      const at = part.lastIndexOf(" ", room);
      return at > 0 ? [part.slice(0, at), clip(part.slice(at + 1), room)] : [clip(part, room)];
    })
    .map(esc);
}
