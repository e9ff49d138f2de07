// The rows of a unit as Python has made them; an entry bit by bit.

import { big, esc, hex, size } from "./numbers.js";

export function rowsOf(run, unit) {
  return (run.view.rows[unit] || []).map(([first, last, words, implied]) => ({
    first,
    last,
    words: run.vocabulary[words],
    implied: Boolean(implied),
    head: first === unit,
    until: Math.max(last + 1, first === unit ? 0 : run.end[last]),
    indices: Array.from({ length: last - first + 1 }, (_, at) => first + at),
  }));
}

// An entry bit by bit: sixteen groups of four, the fields named under them.
const LOW_BITS = ["P", "RW", "US", "PWT", "PCD", "A", "D", "", "G"];
export function bits(step, cBit) {
  const value = big(step.entry);
  const leaf = step.level === 1 || (step.level <= 3 && Boolean((value >> 7n) & 1n));
  const names = {};
  LOW_BITS.forEach((name, at) => {
    if (name) names[at] = name;
  });
  names[7] = step.level === 1 ? "PAT" : "PS";
  names[63] = "NX";
  if (cBit) names[cBit] = "C";
  if (!leaf) {
    delete names[6];
    delete names[8];
  }
  const cell = 10.5,
    gap = 5;
  const x = (bit) => ((63 - bit) % 32) * cell + Math.floor(((63 - bit) % 32) / 4) * gap + 2;
  const y = (bit) => (bit < 32 ? 54 : 13);
  let out = "";
  for (let bit = 63; bit >= 0; bit--) {
    const on = Boolean((value >> BigInt(bit)) & 1n);
    const name = names[bit];
    const field = name ? "flag" : bit >= 12 && bit < 52 ? "addr" : "other";
    out +=
      `<rect class="xe-bit xe-bit-${field}${on ? " is-on" : ""}" x="${x(bit)}" y="${y(bit)}"` +
      ` width="${cell - 2}" height="9"/>`;
    if (name)
      out +=
        `<text class="xe-bitname${on ? " is-on" : ""}" x="${x(bit) + cell / 2 - 1}"` +
        ` y="${y(bit) + 19 + (bit < 12 ? (bit % 2) * 9 : 0)}" text-anchor="middle">${name}</text>`;
    if (bit % 4 === 3)
      out +=
        `<text class="xe-nibble" x="${x(bit) + 2 * cell - 1}" y="${y(bit) - 3}" text-anchor="middle">` +
        `${hex((value >> BigInt(bit - 3)) & 15n)}</text>`;
  }
  const under = (high, low, text) =>
    `<path class="xe-span" d="M${x(high)} ${y(low) + 12}H${x(low) + cell - 2}"/>` +
    `<text class="xe-bitname is-on" x="${(x(high) + x(low) + cell) / 2}" y="${y(low) + 21}"` +
    ` text-anchor="middle">${text}</text>`;
  const shift = leaf ? 12 + 9 * (step.level - 1) : 12;
  out +=
    under(51, 32, "address, bits 51:32") +
    under(31, 12, leaf ? `to 12: a ${size(1n << BigInt(shift))} page` : "to 12: the next table");
  if (leaf)
    out +=
      `<text class="xe-bitname" x="${(x(62) + x(59) + cell) / 2}" y="${y(62) + 19}"` +
      ` text-anchor="middle">PKEY</text>`;
  const set = esc(step.flags);
  return (
    `<svg class="xe-bits" viewBox="0 0 ${x(0) + cell} 86" role="img"` +
    ` aria-label="Entry ${hex(value, 16)}: ${set}"><title>Entry ${hex(value, 16)}: ${set}</title>${out}` +
    `</svg>`
  );
}
