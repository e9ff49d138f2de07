// What a stepper is built from: its bar, the two columns, counts, line of time.

import { term } from "./explain.js";
import { ZOOMS } from "./machine.js";
import { esc, paragraphs } from "./numbers.js";
import { shareHtml } from "./share.js";

const WHOLE_TAB =
  '<svg class="xe-icon" viewBox="0 0 14 14" aria-hidden="true">' +
  '<path d="M1.5 5V1.5H5M9 1.5h3.5V5M12.5 9v3.5H9M5 12.5H1.5V9"/></svg>';

// The Python that shows the same, where whoever mounts the view gives it.
export const python = (lines) =>
  lines ? `<div class="xe-python"><p>The Python that shows this:</p><pre>${esc(lines)}</pre></div>` : "";

export function stageHtml(stepper) {
  const { run, options, uid } = stepper,
    { data } = run;
  const {
    status: [mark, word],
    guest: about,
    given,
  } = data.view;
  const tail = [data.scenario.question.join(", "), data.scenario.asked && `asked by ${data.scenario.asked}`]
    .filter(Boolean)
    .join(" · ");
  const button = (act, sign, label, more = "") =>
    `<button type="button" data-act="${act}" aria-label="${label}" title="${label}"${more}>${sign}</button>`;
  return (
    `<div class="xe-body">\n` +
    `<div class="xe-stage"><header class="xe-bar">` +
    `<div class="xe-head">${options.embedded ? "" : `<h2>${esc(data.scenario.title)}</h2>`}` +
    `<p class="xe-option"><b>${esc(data.option.ident)}` +
    `</b> ${esc(data.option.title)}${given ? ` <small>${esc(given)}</small>` : ""}</p>\n` +
    `<p class="xe-right"><span class="xe-status xe-status-${data.outcome.status}"` +
    `${term(`status:${data.outcome.status}`)}><span aria-hidden="true">${mark}</span> ${word}</span>` +
    `<span class="xe-count" aria-hidden="true"></span></p></div>\n` +
    `<div class="xe-controls">${button("prev", "‹", "Previous step")}` +
    `${button("play", "▷", "Play", ' aria-pressed="false"')}${button("next", "›", "Next step")}\n` +
    `<div class="xe-scrub"><svg class="xe-ticks" aria-hidden="true" preserveAspectRatio="none"></svg>` +
    `<input type="range" min="0" max="${run.length - 1}" step="1" value="0" aria-label="Step"></div>\n` +
    `<label class="xe-rate"><span class="xe-sr">Speed</span>` +
    `<select>` +
    [1, 2, 5, 20].map((r) => `<option value="${r}"${r === 2 ? " selected" : ""}>${r}/s</option>`).join("") +
    `</select></label>\n` +
    `<label class="xe-find"><span class="xe-sr">Find in the steps</span>` +
    `<input type="search" placeholder="find (/)">` +
    `<output></output></label>` +
    (options.embedded ? "" : button("full", WHOLE_TAB, "Whole tab (f)", ' aria-pressed="false"')) +
    (options.embedded ? "" : button("mark", "⚑", "Bookmark this step (b)", ' aria-pressed="false"')) +
    `${button("legend", "?", "Legend and keys (?)")}</div>\n` +
    `<div class="xe-this"><section class="xe-now-part" aria-label="This step" tabindex="0">` +
    `<p class="xe-say" aria-live="polite" aria-atomic="true"></p><p class="xe-cite"></p>` +
    `<label class="xe-mark-note" hidden>⚑ <span class="xe-sr">Note on this step</span>` +
    `<input type="text" maxlength="300" placeholder="note on this step"></label></section>` +
    `<section class="xe-worth-part" aria-label="Worth noticing" tabindex="0">` +
    `<h3 class="xe-worthhead xe-sr">Worth noticing</h3>` +
    `<ul class="xe-worth"></ul></section></div></header>\n` +
    `<div class="xe-views">\n` +
    `<section class="xe-map" aria-labelledby="${uid}-h1"><div class="xe-sectionhead">` +
    `<h3 id="${uid}-h1">Where the buffer lives</h3>` +
    `<span class="xe-zoom" role="group" aria-label="Zoom">` +
    ZOOMS.map(
      (z, at) => `<button type="button" data-act="zoom" data-zoom="${at}" aria-pressed="${at === 0}">${z}</button>`,
    ).join("") +
    `</span></div><div class="xe-mapbox" tabindex="0" role="group"` +
    ` aria-label="Address spaces; up and down select"></div>` +
    `<p class="xe-readout" aria-live="polite"></p></section>\n` +
    `<section class="xe-path" aria-labelledby="${uid}-h2"><div class="xe-sectionhead">` +
    `<h3 id="${uid}-h2">How Xen gets there</h3><span class="xe-where"></span>` +
    `<span class="xe-zoom xe-as" role="group" aria-label="Shown as">` +
    ["drawn", "rows"]
      .map(
        (as) =>
          `<button type="button" data-act="as" data-as="${as}" aria-pressed="${as === "drawn"}">${as}</button>`,
      )
      .join("") +
    `</span></div><div class="xe-chunks"></div><div class="xe-pathbox"><div class="xe-drawn"></div>` +
    `<ol class="xe-rows" tabindex="-1"></ol>\n` +
    `<div class="xe-tables-view"${stepper.hasTables ? "" : " hidden"}><h3>Registered buffers</h3>` +
    `<div class="xe-tablelist"></div></div></div></section></div>\n` +
    `<div class="xe-count-part"><button type="button" class="xe-countfold" data-act="counts"` +
    ` aria-expanded="true">So far</button>${stepper.says.html()}</div>\n` +
    `<div class="xe-time"><div class="xe-line" role="group"` +
    ` aria-label="Timeline"></div></div></div>\n` +
    `<details class="xe-about"><summary>${esc(about)}` +
    `</summary>${options.embedded ? "" : paragraphs(data.scenario.text) + paragraphs(tail)}` +
    (!options.embedded && data.scenario.ours
      ? paragraphs(`Ours, not a reviewer's statement: ${data.scenario.ours}`)
      : "") +
    `${python(options.python)}</details>${options.embedded ? "" : shareHtml(options, true)}</div>`
  );
}
