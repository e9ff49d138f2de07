// What a view of the site is given away as, besides its link.

import { load } from "./runs.js";
import { canvasOf } from "./stepper.js";
import { textOf } from "./texts.js";

// Text, picture and Python of a scenario's run, or of all (label ""): as site/runs.py packs them.
export async function moreOf(name, label) {
  const { all, runs, ...shared } = JSON.parse(await load(`${name}/more.trace`));
  const of = Object.entries(label ? runs[label] : all);
  return Object.fromEntries(of.map(([key, packed]) => [key, textOf(shared, packed)]));
}

export async function pngOf(svg) {
  const canvas = await canvasOf(svg);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

const HTML = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };
const escaped = (text) => text.replaceAll(/[&<>"']/g, (letter) => HTML[letter]);
const UNSAFE = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029" };
// A picture within an address within an element, as _picture() of xenexplore/render/web/page.py has it.
const PERCENT = { "%": "%25", "#": "%23", "'": "%27" };
function inAddress(svg) {
  const short = svg.replaceAll("\n", "").replaceAll("&#x27;", "'");
  return short.replaceAll(/[%#']/g, (sign) => PERCENT[sign]).replaceAll("&", "&amp;");
}
// Byte for byte the file that "xenexplore html" writes.
export async function oneFile({ data, text, opens, more: told }) {
  const kind = data.traces ? "comparison" : "file";
  const [template, more] = await Promise.all([load(`one-${kind}.trace`), told()]);
  const of = data.traces ? `${data.traces.length} options` : data.option.label;
  const parts = {
    title: escaped(`${data.scenario.title}: ${of}`),
    step: String(data.traces ? -1 : opens), python: escaped(more.python),
    svg: inAddress(more.svg), text: more.text.replaceAll(/[&<>]/g, (letter) => HTML[letter]),
    data: text.replaceAll(/[<>&\u2028\u2029]/g, (letter) => UNSAFE[letter]),
  };
  return template.replaceAll(/\{\{(\w+)\}\}/g, (slot, name) => parts[name] ?? slot);
}
