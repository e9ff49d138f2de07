// Numbers, addresses and sentences as text.

export const PAGE = 4096n;
export const big = (value) => (value === undefined || value === null ? null : BigInt(value));
export const hex = (value, digits = 0) => value.toString(16).padStart(digits, "0");
export const pageOf = (value) => value & ~(PAGE - 1n);
export const frameOf = (value) => value >> 12n;

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
export const esc = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);

// Digits in groups, set apart by space that is not copied with them.
const spaced = (parts) => parts.map((part, at) => (at ? `<span class="xe-g">${part}</span>` : part)).join("");
const number = (parts, key) => `<span class="xe-n"${key ? ` data-k="${key}"` : ""}>${spaced(parts)}</span>`;
export const linearParts = (value) => [hex(value >> 32n, 8), hex(value & 0xffffffffn, 8)];
const physicalParts = (value) => [hex(frameOf(value), 5), hex(value & 0xfffn, 3)];
export const linear = (value) => number(linearParts(value), `vp:${hex(frameOf(value))}`);
export const physical = (value) => number(physicalParts(value), `gfn:${hex(frameOf(value))}`);
export const frame = (value) => number([hex(value, 5)], `gfn:${hex(value)}`);
export const machine = (value) => number([hex(value, 5)], `mfn:${hex(value)}`);
const raw = (value) => number(hex(value, 16).match(/.{4}/g));
export const handle = (value) => (value >> 40n ? linear(value) : physical(value));
export const svgNumber = (parts) =>
  parts.map((part, at) => `<tspan${at ? ' dx="3"' : ""}>${part}</tspan>`).join("");

/** @type {[bigint, string][]} */
const UNITS = [
  [1n << 40n, "TiB"],
  [1n << 30n, "GiB"],
  [1n << 20n, "MiB"],
  [1n << 10n, "KiB"],
];
export function size(value) {
  const bytes = BigInt(value);
  for (const [unit, name] of UNITS)
    if (bytes >= unit && bytes % unit === 0n) return `${(bytes / unit).toLocaleString("en")} ${name}`;
  return bytes === 1n ? "1 byte" : `${bytes.toLocaleString("en")} bytes`;
}
/** @type {(count: number, noun: string, many?: string) => string} */
export const plural = (count, noun, many) =>
  `${count.toLocaleString("en")} ${count === 1 ? noun : many || `${noun}s`}`;

// Text as Python has made it: arrows drawn, numbers in groups and linked across the views by
// how they are spelled (number_format.py): ffffc900'00613b2c is linear, 06bf7b2c physical.
const NUMBERS = new RegExp(
  [
    /\b0x([0-9a-f]{9,16})\b/,
    /\b(0x[0-9a-f]{3,8})\b/,
    /\b([0-9a-f]{4}(?:'[0-9a-f]{4}){3})\b/,
    /\b([0-9a-f]{8}'[0-9a-f]{8})\b/,
    /\b([0-9a-f]{1,7}'[0-9a-f]{8})\b/,
    /\b(gfn|mfn) ([0-9a-f]{5,})\b/,
    /(?<!\+)\b([0-9a-f]{8})\b(?! bytes)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "g",
);
export const value = (digits) => BigInt(`0x${digits.replaceAll("'", "")}`);
export function marked(text) {
  const drawn = text.replaceAll("->", "→").replaceAll("<-", "←");
  return esc(drawn).replace(NUMBERS, (_, long, short, entry, lin, far, space, number_, near) =>
    long
      ? handle(value(long))
      : short
        ? `<span class="xe-n">${short}</span>`
        : entry
          ? raw(value(entry))
          : lin
            ? linear(value(lin))
            : space
              ? `${space} ${(space === "gfn" ? frame : machine)(value(number_))}`
              : physical(value(far || near)),
  );
}
export const paragraphs = (text) =>
  text
    .split(/\n\s*\n/)
    .filter((part) => part.trim())
    .map((part) => `<p>${esc(part.trim())}</p>`)
    .join("");
export const warned = (bad, text) => (bad ? `<span class="xe-warn" aria-hidden="true">▲</span> ${text}` : text);
// Text without its markup.
export const plain = (html) => html.replace(/<[^>]*>/g, "");
