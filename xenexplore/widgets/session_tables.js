// The tables under an explorer: a row is lit with what is pointed at, and picked by a click or its button.

import { inForm } from "./in_form.js";

// Keys are those of the stepper's views: "buf:NAME", "vp:PAGE", "gfn:FRAME", "slot:VCPU:SLOT".
const keysOf = node => (node?.dataset.k || "").split(" ").filter(Boolean);
const light = (root, keys) => {
  const wanted = new Set(keys);
  for (const row of root.querySelectorAll("[data-k]"))
    row.classList.toggle("is-lit", keysOf(row).some(key => wanted.has(key)));
};
export default {
  render({ model, el }) {
    const end = new AbortController();
    el.classList.add("xe-session");
    const picked = () => {
      const chosen = (model.get("chosen") || "").split(" ").filter(Boolean);
      for (const row of el.querySelectorAll("tr[data-k]")) {
        const is = keysOf(row).some(key => chosen.includes(key));
        row.classList.toggle("is-picked", is);
        row.querySelector("button").setAttribute("aria-pressed", String(is));
      }
    };
    const show = () => {
      const held = el.contains(document.activeElement) && document.activeElement.closest("tr");
      const key = held ? held.dataset.k : "";
      el.innerHTML = model.get("value");
      picked();
      const rows = [...el.querySelectorAll("tr[data-k]")];
      rows.find(row => key && row.dataset.k === key)?.querySelector("button").focus();
    };
    el.addEventListener("click", event => {
      const row = event.target.closest("tr[data-k]");
      if (!row) return;
      model.set("chosen", row.dataset.k);
      model.save_changes();
    }, { signal: end.signal });
    // What is pointed at in one view of the form is lit in all of them.
    inForm(el, end.signal, form => {
      form.addEventListener("pointerover", event => {
        const own = el.contains(event.target);
        const keys = keysOf(event.target.closest("[data-k]"));
        light(el, keys);
        if (own) for (const view of form.querySelectorAll(".xe")) light(view, keys);
      }, { signal: end.signal });
      form.addEventListener("pointerleave", () => light(form, []), { signal: end.signal });
    });
    show();
    model.on("change:value", show);
    model.on("change:chosen", picked);
    return () => {
      end.abort();
      model.off("change:value", show);
      model.off("change:chosen", picked);
    };
  },
};
