"""The tables under an explorer: rows that are lit and picked together with its other views."""

from __future__ import annotations

import traitlets

from xenexplore.widgets.keys import IN_FORM
from xenexplore.widgets.late_module import LateModule

__all__ = ["SessionTables"]

_ESM = f"""{IN_FORM}
// Keys are those of the stepper's views: "buf:NAME", "vp:PAGE", "gfn:FRAME", "slot:VCPU:SLOT".
const keysOf = node => (node?.dataset.k || "").split(" ").filter(Boolean);
const light = (root, keys) => {{
  const wanted = new Set(keys);
  for (const row of root.querySelectorAll("[data-k]"))
    row.classList.toggle("is-lit", keysOf(row).some(key => wanted.has(key)));
}};
export default {{
  render({{ model, el }}) {{
    const end = new AbortController();
    el.classList.add("xe-session");
    const picked = () => {{
      const chosen = (model.get("chosen") || "").split(" ").filter(Boolean);
      for (const row of el.querySelectorAll("tr[data-k]")) {{
        const is = keysOf(row).some(key => chosen.includes(key));
        row.classList.toggle("is-picked", is);
        row.querySelector("button").setAttribute("aria-pressed", String(is));
      }}
    }};
    const show = () => {{
      const held = el.contains(document.activeElement) && document.activeElement.closest("tr");
      const key = held ? held.dataset.k : "";
      el.innerHTML = model.get("value");
      picked();
      const rows = [...el.querySelectorAll("tr[data-k]")];
      rows.find(row => key && row.dataset.k === key)?.querySelector("button").focus();
    }};
    el.addEventListener("click", event => {{
      const row = event.target.closest("tr[data-k]");
      if (!row) return;
      model.set("chosen", row.dataset.k);
      model.save_changes();
    }}, {{ signal: end.signal }});
    // What is pointed at in one view of the form is lit in all of them.
    inForm(el, end.signal, form => {{
      form.addEventListener("pointerover", event => {{
        const own = el.contains(event.target);
        const keys = keysOf(event.target.closest("[data-k]"));
        light(el, keys);
        if (own) for (const view of form.querySelectorAll(".xe")) light(view, keys);
      }}, {{ signal: end.signal }});
      form.addEventListener("pointerleave", () => light(form, []), {{ signal: end.signal }});
    }});
    show();
    model.on("change:value", show);
    model.on("change:chosen", picked);
    return () => {{
      end.abort();
      model.off("change:value", show);
      model.off("change:chosen", picked);
    }};
  }},
}};
"""

_CSS = """
.xe-session { color-scheme: light dark; overflow-x: auto; }
[data-jp-theme-light="true"] .xe-session { color-scheme: light; }
[data-jp-theme-light="false"] .xe-session { color-scheme: dark; }
.xe-session table { border-collapse: collapse; margin: 0 0 12px; }
.xe-session caption { padding-bottom: 2px; font-weight: 600; }
.xe-session td, .xe-session th { line-height: 1.5; }
.xe-session tr[data-k] { cursor: pointer; }
.xe-session tr.is-lit > td { background: light-dark(#eef4fa, #19293a); }
.xe-session tr.is-picked > td { background: light-dark(#dcebf7, #1e3a50); }
.xe-session button {
  font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-decoration: underline dotted; text-underline-offset: 3px;
}
.xe-session button:focus-visible { outline: 2px solid light-dark(#0068a8, #63b8ef); }
@media (forced-colors: active) { .xe-session tr.is-picked > td { outline: 1px solid Highlight; } }
"""


class SessionTables(LateModule):
    """Tables of a session as it is now.

    A row with ``data-k`` is picked by a click, or by the button in its first cell.

    Attributes:
        value: the tables as HTML.
        chosen: what is picked, as keys (``"buf:send"``).
    """

    _css = _CSS

    module = traitlets.Unicode(_ESM).tag(sync=True)
    value = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
