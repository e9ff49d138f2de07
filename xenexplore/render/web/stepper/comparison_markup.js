// What a comparison is built from: its verdict, the sheet of options, its controls.

import { term } from "./explain.js";
import { python } from "./markup.js";
import { esc, marked, paragraphs, plural, size } from "./numbers.js";
import { shareHtml } from "./share.js";

/** @param {import("./comparison.js").Comparison} view */
export function comparisonHtml(view) {
  const { data } = view;
  const row = (name, cls, cells) => `<tr class="${cls}"><th scope="row">${name}</th>${cells.join("")}</tr>`;
  const each = (make) => data.options.map(make);
  const heads = each(
    ({ option }, k) =>
      `<th scope="col"><button type="button" data-act="choose" data-at="${k}" aria-pressed="${k === 0}"` +
      ` title="${esc(option.title)}"><b>${esc(option.ident)}</b> ${esc(option.label)}</button></th>`,
  );
  const outcome = ({ outcome: o }, k) => {
    const [mark, word] = view.runs[k].view.status;
    const bytes = o.wrong_bytes
      ? `<br><small>${size(o.wrong_bytes)} wrong, ${size(o.right_bytes)} right</small>`
      : "";
    return (
      `<td class="xe-status-${o.status}"><b class="xe-verdictword"><span aria-hidden="true">${mark}` +
      `</span> ${word}</b><span class="xe-atend">${bytes}` +
      `${o.refusals.length ? `<br><small>${marked(o.refusals[0])}</small>` : ""}</span></td>`
    );
  };
  const result = (_row, k) => `<td>${esc(data.results[k] || "none")}</td>`;
  const list = (items) =>
    `<td>` +
    (items.length
      ? [...new Set(items)]
          .map((item) => `<span class="xe-warn" aria-hidden="true">▲</span> ${esc(item)}`)
          .join("<br>")
      : "<small>none</small>") +
    `</td>`;
  const first = ({ difference: d }, k) =>
    `<td>` +
    (k === 0
      ? "<small>compared with this one</small>"
      : !d
        ? "<small>none</small>"
        : `<button type="button" data-act="difference" data-at="${k}" title="${esc(d.other_says)}">` +
          `${marked(d.other_says || "The run has ended.")}</button>`) +
    `</td>`;
  const equal = ([at, _name]) =>
    view.runs.every(
      ({ last }) => last.calls(at) === view.runs[0].last.calls(at) && last.once(at) === view.runs[0].last.once(at),
    );
  const alike = (values) => values.every((value) => value === values[0]);
  const outcomes = data.options.map(({ outcome }) => outcome);
  const folded = {
    result: alike(data.results),
    lost: alike(outcomes.map((o) => o.lost_checks)),
    hazards: alike(outcomes.map((o) => o.hazards.join())),
  };
  const more = (alike_) => (alike_ ? "xe-crow is-equal" : "");
  const same = view.used.filter(equal).length + Object.values(folded).filter(Boolean).length;
  const counts = view.used.map((counter) =>
    row(
      `<span${term(`count:${view.runs[0].view.counts[counter[0]]}`)}>${counter[1]}</span>`,
      `xe-crow${equal(counter) ? " is-equal" : ""}`,
      each(
        (_, k) =>
          `<td><button type="button" class="xe-num" data-act="why" data-at="${k}"` +
          ` data-count="${counter[0]}"></button><svg viewBox="0 0 100 3" preserveAspectRatio="none"` +
          ` aria-hidden="true"><path/></svg></td>`,
      ),
    ),
  );
  return (
    `<div class="xe-body"><header class="xe-head"><h2>${esc(data.scenario.title)}</h2>` +
    `<p>${plural(data.options.length, "option")}, one scenario</p><p class="xe-right">` +
    `<span class="xe-zoom" role="group" aria-label="How far">` +
    `<button type="button" data-act="mode" data-ends="0" aria-pressed="true">in lockstep</button>` +
    `<button type="button" data-act="mode" data-ends="1"` +
    ` aria-pressed="false">at their ends</button></span>` +
    `<span class="xe-count" aria-hidden="true"></span></p></header>\n` +
    `<p class="xe-verdict">${marked(data.verdict)}</p>\n` +
    `<button type="button" class="xe-unfold" data-act="unfold">Side by side: ` +
    `${esc(data.options.map(({ option }) => option.label).join(", "))}</button>` +
    `<details class="xe-about"><summary>About this scenario</summary>${paragraphs(data.scenario.text)}` +
    paragraphs(data.scenario.asked) +
    (data.scenario.ours ? paragraphs(`Ours, not a reviewer's statement: ${data.scenario.ours}`) : "") +
    `${python(view.options.python)}</details>${shareHtml(view.options)}\n` +
    `<div class="xe-controls"><button type="button" data-act="prev" aria-label="Previous step">‹</button>` +
    `<button type="button" data-act="next" aria-label="Next step">›</button><div class="xe-scrub">` +
    `<input type="range" min="0" max="${view.lockstep.length - 1}" value="0"` +
    ` aria-label="Step, all options in lockstep"></div></div>\n` +
    `<div class="xe-bands"></div>\n` +
    `<div class="xe-sheet" tabindex="0" role="group" aria-label="Options side by side"><table><thead><tr>` +
    `<td></td>${heads.join("")}</tr></thead><tbody>\n` +
    row(
      "now",
      "xe-nowrow",
      each(() => "<td></td>"),
    ) +
    `${row("outcome", "xe-outcomerow", each(outcome))}${row("result", more(folded.result), each(result))}` +
    counts.join("") +
    row(
      "checks lost",
      more(folded.lost),
      each(({ outcome: o }) => `<td>${o.lost_checks}</td>`),
    ) +
    row(
      "hazards",
      more(folded.hazards),
      each(({ outcome: o }) => list(o.hazards)),
    ) +
    `${row("first difference", "xe-diff", each(first))}</tbody></table></div>\n` +
    (same
      ? `<button type="button" class="xe-samerows" data-act="same" aria-expanded="false">` +
        `${plural(same, "row")} equal under every option</button>`
      : "") +
    `\n` +
    `<section class="xe-why" aria-label="The steps that make a count" tabindex="-1" hidden></section>\n` +
    `<p class="xe-sr" aria-live="polite"></p><button type="button" class="xe-stepthrough"` +
    ` data-act="detail" aria-expanded="false"></button><div class="xe-detail"></div></div>`
  );
}
