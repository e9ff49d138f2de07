// A notebook's page: each view is mounted once it is about to be seen, in the place of its picture.

import { mount } from "./stepper.js";
import { decodeLink, encodeLink } from "./links.js";
import { moreOf, oneFile } from "./share.js";
import { joinedRuns, load } from "./runs.js";
import { textOf } from "./texts.js";

const article = document.querySelector("[data-notebook]");

async function view(place) {
  const { views, ...shared } = JSON.parse(await load(`notebooks/${article.dataset.notebook}.trace`));
  const { of, single, labels, step, head, own, link, more } = views[Number(place.dataset.view)];
  const away = labels.some((label) => !own[label]) || (!single && !head);
  const site = away ? JSON.parse(await load(`${of}/index.trace`)) : null;
  const run = (label) => {
    if (own[label]) return { ...own[label], text: textOf(shared, own[label].run) };
    const found = site.options.find((option) => option.label === label);
    return { ...found, text: textOf(site, found.run) };
  };
  const told = () => Object.entries(more).map(([key, packed]) => [key, textOf(shared, packed)]);
  const given = more && (() => Object.fromEntries(told()));
  if (single) {
    const { text, opens } = run(labels[0]);
    const more = given ?? (() => moreOf(of, labels[0]));
    return { more, link, text, opens, data: JSON.parse(text), step: step ?? opens };
  }
  const text = joinedRuns(head ? textOf(shared, head) : site.head, labels.map((label) => run(label).text));
  return { more: given ?? (() => moreOf(of, "")), link, text, opens: -1, data: JSON.parse(text), step: step ?? -1 };
}

// A view is given away as on the page of its own; its link leads there.
const shared = (shown, at) => async (kind) => {
  if (kind === "html") return { html: await oneFile(shown) };
  if (kind !== "link") return shown.more();
  const link = await encodeLink({ ...(await decodeLink(shown.link)), step: at() });
  return { link: new URL(`../view.html${link}`, location.href).href };
};

async function alive(place) {
  const shown = await view(place);
  let at = shown.step;
  const line = place.querySelector(":scope > pre");
  const python = line?.textContent ?? "";
  const [still] = place.children;
  const box = document.createElement("div");
  place.prepend(box);
  mount(box, shown.data, {
    step: shown.step, python: `import xenexplore as xe\n\n${python}`,
    share: shared(shown, () => at), gives: ["link", "html"],
    onStep: (step) => { at = step; },
  });
  still.remove();
  line?.remove(); // the view has its Python itself
}

const watcher = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watcher.unobserve(target);
    alive(target).catch(() => {}); // its picture stays
  }
}, { rootMargin: "700px" });
for (const place of article.querySelectorAll("[data-view]")) watcher.observe(place);
// Paper has them all.
addEventListener("beforeprint", () => watcher.disconnect());
