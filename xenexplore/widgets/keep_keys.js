// A child of a form that is not seen: what is typed in the form stays there.

import { inForm } from "./in_form.js";

const run = event => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  if (event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new Event("change", { bubbles: true }));
};
const keep = event => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
export default {
  render({ el }) {
    const end = new AbortController();
    el.style.display = "none";
    inForm(el, end.signal, form => {
      form.addEventListener("focusin", keep, { signal: end.signal });
      // On its way down: ipywidgets' text area lets no key go up.
      form.addEventListener("keydown", run, { signal: end.signal, capture: true });
    });
    return () => end.abort();
  },
};
