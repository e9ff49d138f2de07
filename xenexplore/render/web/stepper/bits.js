// An entry bit by bit: groups of four with their digit above, the fields named under them.

import { big, esc, hex, size } from "./numbers.js";

const LOW_BITS = ["P", "RW", "US", "PWT", "PCD", "A", "D", "", "G"];
const CELL = 15,
  APART = 6,
  BAR = 10,
  LINE = 72; // px, of one row of bits with its digits and names

function namesOf(step, leaf, cBit) {
  const names = Object.fromEntries(LOW_BITS.map((name, at) => [at, name]));
  names[7] = step.level === 1 ? "PAT" : "PS";
  names[63] = "NX";
  if (cBit) names[cBit] = "C";
  if (!leaf) names[6] = names[8] = "";
  return names;
}

/**
 * @param {import("./trace.js").Step} step that read the entry
 * @param {number} cBit which bit says that a page is encrypted; 0: none
 * @param {number} across bits in a row: 32, or 16 where there is little room
 */
export function bits(step, cBit, across) {
  const value = big(step.entry);
  const leaf = step.level === 1 || (step.level <= 3 && Boolean((value >> 7n) & 1n));
  const names = namesOf(step, leaf, cBit);
  const row = (bit) => Math.floor((63 - bit) / across);
  const column = (bit) => (63 - bit) % across;
  const x = (bit) => column(bit) * CELL + Math.floor(column(bit) / 4) * APART + 2;
  const y = (bit) => row(bit) * LINE + 16;
  const right = (bit) => x(bit) + CELL - 2;
  const out = [];
  const name = (at, down, text, on) =>
    out.push(
      `<text class="xe-bitname${on ? " is-on" : ""}" x="${at}" y="${down}" text-anchor="middle">${text}</text>`,
    );
  for (let bit = 63; bit >= 0; bit--) {
    const on = Boolean((value >> BigInt(bit)) & 1n);
    const field = names[bit] ? "flag" : bit >= 12 && bit < 52 ? "addr" : "other";
    out.push(
      `<rect class="xe-bit xe-bit-${field}${on ? " is-on" : ""}" x="${x(bit)}" y="${y(bit)}"` +
        ` width="${CELL - 2}" height="${BAR}"/>`,
    );
    // Neighbours take turns: two lines under the low bits; C is under its field's name.
    const down = bit < 12 ? (bit % 2) * 14 : bit < 52 ? 14 : 0;
    if (names[bit]) name(x(bit) + CELL / 2 - 1, y(bit) + BAR + 14 + down, names[bit], on);
    if (bit % 4 === 3)
      out.push(
        `<text class="xe-nibble" x="${x(bit) + 2 * CELL + 1}" y="${y(bit) - 4}" text-anchor="middle">` +
          `${hex((value >> BigInt(bit - 3)) & 15n)}</text>`,
      );
  }
  // A field: a line under each row that it reaches into, its name under the longest.
  const under = (high, low, text, on = true) => {
    const parts = [];
    for (let at = high; at >= low; at -= (at % across) + 1) parts.push([at, Math.max(low, at - (at % across))]);
    const [from, to] = parts.reduce((best, part) => (part[0] - part[1] > best[0] - best[1] ? part : best));
    for (const [a, b] of parts) out.push(`<path class="xe-span" d="M${x(a)} ${y(a) + BAR + 3}H${right(b)}"/>`);
    name((x(from) + right(to)) / 2, y(from) + BAR + 14, text, on);
  };
  const page = `to 12: a ${size(1n << BigInt(12 + 9 * (step.level - 1)))} page`;
  under(51, 32, "address, bits 51:32");
  under(31, 12, leaf ? page : "to 12: the next table");
  if (leaf) under(62, 59, "PKEY", false);
  const title = `Entry ${hex(value, 16)}: ${esc(step.flags)}`;
  const width = right(64 - across) + 2,
    height = (64 / across) * LINE;
  return (
    `<svg class="xe-bits" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img"` +
    ` aria-label="${title}"><title>${title}</title>${out.join("")}</svg>`
  );
}
