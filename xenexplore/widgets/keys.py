"""Keys that are pressed in a form stay in the form: JupyterLab has shortcuts on single ones."""

from __future__ import annotations

import anywidget

__all__ = ["FORM_CLASS", "IN_FORM", "KeepKeys"]

#: The class of a box whose keys are kept.
FORM_CLASS = "xe-form"

#: JavaScript: call back with the form around an element, once it is in one.
IN_FORM = f"""
const inForm = (el, signal, found) => {{
  if (signal.aborted) return;
  const form = el.closest(".{FORM_CLASS}");
  if (form) found(form);
  else requestAnimationFrame(() => inForm(el, signal, found));
}};
"""
_ESM = f"""{IN_FORM}
const run = event => {{
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  if (event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  event.stopPropagation();
  event.target.dispatchEvent(new Event("change", {{ bubbles: true }}));
}};
const keep = event => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
export default {{
  render({{ el }}) {{
    const end = new AbortController();
    el.style.display = "none";
    inForm(el, end.signal, form => {{
      form.addEventListener("focusin", keep, {{ signal: end.signal }});
      // On its way down: ipywidgets' text area lets no key go up.
      form.addEventListener("keydown", run, {{ signal: end.signal, capture: true }});
    }});
    return () => end.abort();
  }},
}};
"""


class KeepKeys(anywidget.AnyWidget):
    """A child that is not seen: in the box around it, a list's arrow keys move in the list.

    In a notebook's command mode JupyterLab takes arrows and letters from every
    focused element that is no text field, lists and buttons of ipywidgets
    included: an arrow leaves the cell, and ``d d`` deletes it.  Ctrl+Enter in a
    text is the form's, too: the text counts as typed, without leaving it.
    """

    _esm = _ESM
