// Numbers, addresses and sentences as text.

const PAGE = 4096n;
const big = (value) => (value === undefined || value === null ? null : BigInt(value));
const hex = (value, digits = 0) => value.toString(16).padStart(digits, "0");
const pageOf = (value) => value & ~(PAGE - 1n);
const frameOf = (value) => value >> 12n;

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const esc = (text) => String(text).replace(/[&<>"]/g, (c) => ESCAPES[c]);

// Digits in groups, set apart by space that is not copied with them.
const spaced = (parts) =>
  parts.map((part, at) => (at ? `<span class="xe-g">${part}</span>` : part)).join("");
const number = (parts, key) =>
  `<span class="xe-n"${key ? ` data-k="${key}"` : ""}>${spaced(parts)}</span>`;
const linearParts = (value) => [hex(value >> 32n, 8), hex(value & 0xffffffffn, 8)];
const physicalParts = (value) => [hex(frameOf(value), 5), hex(value & 0xfffn, 3)];
const linear = (value) => number(linearParts(value), `vp:${hex(frameOf(value))}`);
const physical = (value) => number(physicalParts(value), `gfn:${hex(frameOf(value))}`);
const frame = (value) => number([hex(value, 5)], `gfn:${hex(value)}`);
const machine = (value) => number([hex(value, 5)], `mfn:${hex(value)}`);
const raw = (value) => number(hex(value, 16).match(/.{4}/g));
const handle = (value) => (value >> 40n ? linear(value) : physical(value));
const svgNumber = (parts) =>
  parts.map((part, at) => `<tspan${at ? ' dx="3"' : ""}>${part}</tspan>`).join("");

const UNITS = [[1n << 40n, "TiB"], [1n << 30n, "GiB"], [1n << 20n, "MiB"], [1n << 10n, "KiB"]];
function size(value) {
  const bytes = BigInt(value);
  for (const [unit, name] of UNITS)
    if (bytes >= unit && bytes % unit === 0n) return `${(bytes / unit).toLocaleString("en")} ${name}`;
  return bytes === 1n ? "1 byte" : `${bytes.toLocaleString("en")} bytes`;
}
const plural = (count, noun, many) => `${count.toLocaleString("en")} ${count === 1 ? noun : many || `${noun}s`}`;

// A recorded sentence, its long numbers spelled as the views spell them.
function sentence(text) {
  return esc(text)
    .replace(/\b(\d{6,}) bytes/g, (_, digits) => size(digits))
    .replace(/\b0x([0-9a-f]{9,16})\b/g, (_, digits) => handle(BigInt(`0x${digits}`)))
    .replace(/\b0x[0-9a-f]{3,8}\b/g, (found) => `<span class="xe-n">${found}</span>`);
}
const paragraphs = (text) => text.split(/\n\s*\n/).filter((part) => part.trim()).map((part) => `<p>${esc(part.trim())}</p>`).join("");
const warned = (bad, text) => (bad ? `<span class="xe-warn" aria-hidden="true">▲</span> ${text}` : text);
const plain = (html) => html.replace(/<[^>]*>/g, "");
