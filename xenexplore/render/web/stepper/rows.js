// The steps under a copy, a phase or a call as rows; an entry bit by bit.

// The steps under a copy, a phase or a call as rows; a table's P2M look-up and the
// entry read from it are one row of two marks.
function rowsOf(run, unit) {
  const rows = [];
  const deep = unit >= 0 && ["copy", "phase"].includes(run.steps[unit].kind);
  const from = unit;
  const end = unit < 0 ? run.length : run.end[unit];
  let chunk = 0;
  for (let i = Math.max(from, 0); i < end; i = deep || i === unit ? i + 1 : run.end[i]) {
    const step = run.steps[i];
    const last = rows[rows.length - 1];
    if (step.kind === "piece") chunk += 1;
    if (step.kind === "pte-read" && last && last.table === step.level) {
      last.indices.push(i);
      last.step = step;
    } else if (step.kind === "pte-update" && last && last.step.kind === "pte-update") {
      last.indices.push(i);
    } else {
      const folded = !deep && i !== unit && run.hasChildren(i);
      rows.push({ indices: [i], step, table: (step.kind === "p2m-lookup" && step.level) || 0, head: i === unit, chunk, until: folded ? run.end[i] : i + 1 });
    }
  }
  return rows;
}

const PURPOSES = { buffer: "copy", "walk end": "walk" };
function rowWords(run, row) {
  const found = words(row.step);
  if (row.step.kind === "p2m-lookup" && row.step.purpose) {
    if (row.step.level) found.label = `L${row.step.level}`;
    else found.side = `${found.side} · ${PURPOSES[row.step.purpose]}`;
  } else if (row.table) {
    const lookup = run.steps[row.indices[0]];
    found.more = lookup.mfn ? `mfn ${hex(big(lookup.mfn))}` : "";
  } else if (row.indices.length > 1 && row.step.kind === "pte-update") {
    const updates = row.indices.map((i) => run.steps[i]);
    found.main = updates.map((s) => `L${s.level}: ${bitNames(big(s.before) ^ big(s.after))}`).join(" · ");
    found.side = "after the walk";
  } else if (row.step.kind === "hypercall") {
    const step = row.step;
    const args = step.args.map((value, at) => `<span class="xe-arg">${REGISTERS[at]} ${big(value) > 0xffffn ? handle(big(value)) : `<span class="xe-n">${hex(big(value))}</span>`}</span>`);
    found.below = `<span class="xe-arg">rax <span class="xe-n">${hex(big(step.number))}</span></span>${args.join("")}`;
  }
  return found;
}

// An entry bit by bit: sixteen groups of four, the fields named under them.
const LOW_BITS = ["P", "RW", "US", "PWT", "PCD", "A", "D", "", "G"];
function bits(step, cBit) {
  const value = big(step.entry);
  const leaf = step.level === 1 || (step.level <= 3 && Boolean(value >> 7n & 1n));
  const names = {};
  LOW_BITS.forEach((name, at) => { if (name) names[at] = name; });
  names[7] = step.level === 1 ? "PAT" : "PS";
  names[63] = "NX";
  if (cBit) names[cBit] = "C";
  if (!leaf) { delete names[6]; delete names[8]; }
  const cell = 10.5, gap = 5;
  const x = (bit) => ((63 - bit) % 32) * cell + Math.floor(((63 - bit) % 32) / 4) * gap + 2;
  const y = (bit) => (bit < 32 ? 54 : 13);
  let out = "";
  for (let bit = 63; bit >= 0; bit--) {
    const on = Boolean(value >> BigInt(bit) & 1n);
    const name = names[bit];
    const field = name ? "flag" : bit >= 12 && bit < 52 ? "addr" : "other";
    out += `<rect class="xe-bit xe-bit-${field}${on ? " is-on" : ""}" x="${x(bit)}" y="${y(bit)}" width="${cell - 2}" height="9"/>`;
    if (name) out += `<text class="xe-bitname${on ? " is-on" : ""}" x="${x(bit) + cell / 2 - 1}" y="${y(bit) + 19 + (bit < 12 ? (bit % 2) * 9 : 0)}" text-anchor="middle">${name}</text>`;
    if (bit % 4 === 3) out += `<text class="xe-nibble" x="${x(bit) + 2 * cell - 1}" y="${y(bit) - 3}" text-anchor="middle">${hex(value >> BigInt(bit - 3) & 15n)}</text>`;
  }
  const under = (high, low, text) => `<path class="xe-span" d="M${x(high)} ${y(low) + 12}H${x(low) + cell - 2}"/><text class="xe-bitname is-on" x="${(x(high) + x(low) + cell) / 2}" y="${y(low) + 21}" text-anchor="middle">${text}</text>`;
  const shift = leaf ? 12 + 9 * (step.level - 1) : 12;
  out += under(51, 32, "address, bits 51:32") + under(31, 12, leaf ? `to 12: a ${size(1n << BigInt(shift))} page` : "to 12: the next table");
  if (leaf) out += `<text class="xe-bitname" x="${(x(62) + x(59) + cell) / 2}" y="${y(62) + 19}" text-anchor="middle">PKEY</text>`;
  const set = esc(step.flags);
  return `<svg class="xe-bits" viewBox="0 0 ${x(0) + cell} 86" role="img" aria-label="Entry ${hex(value, 16)}: ${set}"><title>Entry ${hex(value, 16)}: ${set}</title>${out}</svg>`;
}
