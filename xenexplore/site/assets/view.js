// The page that steps through runs: which one is in the address, see links.js.

import { mount } from "./stepper.js";
import { Damaged, decodeLink, encodeLink } from "./links.js";
import { moreOf, oneFile, pngOf } from "./share.js";
import { joinedRuns, load } from "./runs.js";
import { textOf } from "./texts.js";

const find = (id) => document.getElementById(id);
const form = document.querySelector(".bar");
const { scenario: chooser, option: optionChooser } = form.elements;
const said = find("said"), place = find("view"), source = find("source");
const wrong = find("wrong"), design = find("design");
const LIVE = place.dataset.live === "yes";
const VERDICTS = { right: "right", wrong: "wrong bytes", error: "error", refused: "refused" };

let link = null; // what is shown; its step is the view's
let shown = null; // {data, text, opens, view, more()}
let turn = 0; // of several openings at once the last one counts

// ---- data
async function fromSite(name, label) {
  if (![...chooser.options].some((one) => one.value === name)) throw new Error(`this site has no scenario '${name}'`);
  const index = JSON.parse(await load(`${name}/index.trace`));
  const labels = index.options.map((one) => one.label);
  const result = { source: index.text, labels };
  if (!label) {
    const traces = index.options.map((one) => textOf(index, one.run));
    return { ...result, text: joinedRuns(index.head, traces), opens: -1, more: () => moreOf(name, "") };
  }
  const one = index.options.find((option) => option.label === label);
  if (!one) throw new Error(`${name} has no design '${label}': it has ${labels.join(", ")}`);
  return { ...result, text: textOf(index, one.run), opens: one.opens, more: () => moreOf(name, label) };
}

// ---- showing
const tell = (text, bad = false) => {
  said.textContent = text;
  said.classList.toggle("wrong", bad);
};
function optionList(labels, chosen) {
  const entry = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  optionChooser.replaceChildren(entry("", "all, side by side"), ...labels.map((label) => entry(label, label)));
  optionChooser.value = chosen;
}
const atEnd = (step, whole) => (step === -1 ? (whole ? -1 : Infinity) : step);

async function show(wanted) {
  const mine = (turn += 1);
  let made;
  try {
    made = wanted.text
      ? await (await live()).made(wanted.text, wanted.option, design?.value ?? "")
      : await fromSite(wanted.scenario, wanted.option);
  } catch (error) {
    if (mine === turn) failed(error, wanted);
    return false;
  }
  if (mine !== turn) return false;
  find("copied").hidden = true;
  tell("");
  wrong.textContent = "";
  mark(0);
  const data = JSON.parse(made.text);
  const python = wanted.text ? "" : (await made.more()).python;
  if (mine !== turn) return false;
  shown?.view.destroy();
  const step = wanted.step === null ? made.opens : atEnd(wanted.step, Boolean(data.traces));
  link = { ...wanted, step: wanted.step };
  const view = mount(place, data, { step, python, onStep: (to) => moved(to) });
  shown = { ...made, data, view, python };
  const at = made.labels.indexOf(wanted.column);
  if (data.traces && at > 0) view.choose?.(at);
  if (!wanted.text) chooser.value = wanted.scenario;
  optionList(made.labels, wanted.option);
  if (source.dataset.of !== made.source) setSource(made.source);
  document.title = `${data.scenario.title}: ${data.traces ? `${data.traces.length} designs` : data.option.label}`;
  return true;
}
function failed(error, wanted) {
  const text = error.message || String(error);
  if (error.line !== undefined) {
    wrong.textContent = text;
    if (wanted.text && source.value !== wanted.text) setSource(wanted.text);
    openEditor(true);
    if (error.of === "design") {
      design.closest("details").open = true;
      wrong.scrollIntoView({ block: "nearest" });
    } else mark(error.line);
  } else {
    tell(error instanceof TypeError ? "It cannot be loaded: the server does not answer." : text, true);
    if (wanted.text && !LIVE) {
      setSource(wanted.text);
      openEditor(true);
    }
  }
}
// The view has another step: so has the address.
let waiting = 0;
function moved(step) {
  link = { ...link, step };
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const fragment = await encodeLink(current());
    try {
      history.replaceState(null, "", fragment);
    } catch {
      // The browser takes only so many changes in a time; the next one comes through.
    }
  }, 60);
}
// A column of a comparison is chosen in the view itself.
const current = () => {
  const column = shown?.data.traces && shown.view.chosen > 0 ? shown.labels[shown.view.chosen] : "";
  return { ...link, column };
};
// The link to what is on screen: with its step, even where the view opened there by itself.
const whole = () => {
  const { step } = current();
  return { ...current(), step: step === null ? shown.opens : step === Infinity ? -1 : step };
};
async function go(wanted) {
  history.pushState(null, "", await encodeLink(wanted));
  return show(wanted);
}
async function follow() {
  if (!location.hash) {
    await show({ scenario: chooser.value, text: "", option: "", column: "", step: null });
    return;
  }
  try {
    await show(await decodeLink(location.hash));
  } catch (error) {
    if (!(error instanceof Damaged)) throw error;
    turn += 1;
    shown?.view.destroy();
    shown = null;
    tell(error.message, true);
  }
}

// ---- copying and saving
async function copy(text, what) {
  const box = find("copied");
  box.hidden = true;
  try {
    await navigator.clipboard.writeText(text);
    tell(`${what} copied.`);
  } catch {
    box.hidden = false;
    box.value = text;
    box.focus();
    box.select();
    tell(`The browser does not allow pages to copy: press Ctrl-C. ${what}:`);
  }
}
const address = async () => `${location.origin}${location.pathname}${await encodeLink(whole())}`;
function wrapped(text, indent = "") {
  const lines = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + word.length <= 72) lines[last] += ` ${word}`;
    else lines.push(indent + word);
  }
  return lines;
}
const quoted = (word) => (/^[\w.,:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
async function mailText() {
  const { data } = shown;
  const lines = [...wrapped(data.scenario.title)];
  const command = ["xenexplore", data.traces ? "compare" : "run", link.text ? "FILE" : link.scenario];
  if (data.traces) {
    for (const { option, outcome } of data.options) {
      lines.push(...wrapped(`${option.ident} ${option.label}: ${VERDICTS[outcome.status]}`, "  "));
    }
  } else {
    const at = Number.isFinite(whole().step) && whole().step >= 0 ? whole().step : data.steps.length - 1;
    const step = data.steps[Math.min(at, data.steps.length - 1)];
    lines.push(...wrapped(`${data.option.ident} ${data.option.label}: ${VERDICTS[data.outcome.status]}`), "");
    lines.push(...wrapped(`step ${step.i} of ${data.steps.length - 1}: ${step.say}`, "  "));
    if (data.cites[step.cite]) lines.push(...wrapped(`[${data.cites[step.cite]}]`, "  "));
    command.push("--option", quoted(data.option.label), "--step", String(step.i));
  }
  return [...lines, "", await address(), command.join(" "), ""].join("\n");
}
async function save() {
  const { scenario, traces, option } = shown.data;
  const name = `${scenario.name}${traces ? "" : `-${option.label.replaceAll(/[^a-z0-9]+/gi, "-")}`}.html`;
  const made = URL.createObjectURL(new Blob([await oneFile(shown)], { type: "text/html" }));
  Object.assign(document.createElement("a"), { href: made, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(made), 1000);
  tell(`Saved as ${name}.`);
}
// The picture of the step on show; where this site cannot draw it, of the one that says most.
async function picture() {
  const { data } = shown;
  const { step } = whole();
  if (LIVE && !data.traces && step !== shown.opens) {
    const at = step < 0 ? data.steps.length - 1 : step;
    const svg = await (await live()).svg(shown.source, data.option.label, at, link.text ? design?.value ?? "" : "");
    return { svg, what: `Picture of step ${at}` };
  }
  const what = data.traces ? "Picture of all designs" : `Picture of step ${shown.opens}`;
  return { svg: (await shown.more()).svg, what };
}
async function copySvg() {
  const { svg, what } = await picture();
  return copy(svg, what);
}
async function copyPng() {
  const made = picture();
  try {
    // Promised within the click: later, a browser takes it for a page's own idea.
    await navigator.clipboard.write([new ClipboardItem({ "image/png": made.then(({ svg }) => pngOf(svg)) })]);
    tell(`${(await made).what} copied.`);
  } catch {
    const name = `${shown.data.scenario.name}.png`;
    const href = URL.createObjectURL(await pngOf((await made).svg));
    Object.assign(document.createElement("a"), { href, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
    tell(`The browser does not allow pages to copy pictures: saved as ${name}.`);
  }
}

// ---- editing
let engine = null;
async function live() {
  if (!LIVE) {
    throw new Error(
      "The link carries its own scenario, which is shown here; this site was made without the part " +
        "that runs it. Save the text as a file, and: xenexplore run FILE",
    );
  }
  if (!engine) engine = await import("./live.js");
  return engine.start(tell);
}
function setSource(text) {
  source.value = text;
  source.dataset.of = text;
  mark(0);
}
function mark(line) {
  const count = source.value.split("\n").length;
  find("lines").replaceChildren(...Array.from({ length: count }, (_, at) => {
    const number = document.createElement("span");
    number.textContent = `${at + 1}\n`;
    if (at + 1 === line) number.className = "at";
    return number;
  }));
  if (line) source.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(source).lineHeight));
  find("lines").scrollTop = source.scrollTop;
}
function openEditor(open) {
  find("editor").hidden = !open;
  find("panes").classList.toggle("editing", open);
  form.querySelector('[data-do="edit"]')?.setAttribute("aria-expanded", String(open));
  if (open) {
    mark(0);
    if (LIVE) live().catch(() => {});
  }
}
source.addEventListener("scroll", () => { find("lines").scrollTop = source.scrollTop; });
source.addEventListener("input", () => mark(0));
for (const box of [source, design]) box?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) acts.run();
});

// The model is loaded once it is likely to be wanted.
for (const kind of ["pointerover", "focusin"])
  form.querySelector('[data-do="edit"]')?.addEventListener(kind, () => live().catch(() => {}), { once: true });

let ran = "";
const acts = {
  link: async () => copy(await address(), "Link"),
  mail: async () => copy(await mailText(), "Mail text"),
  svg: copySvg,
  png: copyPng,
  file: save,
  edit: () => openEditor(find("editor").hidden),
  run: async () => {
    // A design that has not run yet is seen beside all others.
    const same = (design?.value ?? "") === ran;
    ran = design?.value ?? "";
    const option = same && link?.option && shown?.labels.includes(link.option) ? link.option : "";
    return go({ scenario: "", text: source.value, option, column: "", step: null });
  },
  revert: async () => {
    const text = shown?.original ?? (await fromSite(chooser.value, "")).source;
    setSource(text);
    return go({ scenario: chooser.value, text: "", option: link?.option ?? "", column: "", step: null });
  },
};
document.addEventListener("click", async (event) => {
  const act = event.target.closest?.("[data-do]");
  if (!act) return;
  if (!shown && !["edit", "run", "revert"].includes(act.dataset.do)) return;
  try {
    await acts[act.dataset.do]();
  } catch (error) {
    tell(error.message || String(error), true);
  }
});
form.addEventListener("submit", (event) => event.preventDefault());
chooser.addEventListener("change", () => go({ scenario: chooser.value, text: "", option: "", column: "", step: null }));
optionChooser.addEventListener("change", () => {
  if (link) go({ ...link, option: optionChooser.value, column: "", step: null });
});
addEventListener("popstate", follow);
addEventListener("hashchange", follow);
find("opened").remove();
form.hidden = false;
follow();
