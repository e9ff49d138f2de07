"""Share buttons of a view in JupyterLab: text, picture, link, file."""

from __future__ import annotations

from xenexplore.errors import InputError
from xenexplore.render.web.page import trace_html
from xenexplore.scenario.run.address import address_of, link_to
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.trace import Trace

__all__ = ["shared_file", "shared_link"]


def shared_link(shown: Trace | Comparison, step: int) -> dict[str, str]:
    """``link``: the address in the site that is used; or ``refused``: why there is none.

    Args:
        shown: what is on show.
        step: from 0; of a comparison the common time, -1: all at their ends.
    """
    at = None if isinstance(shown, Comparison) and step < 0 else step
    try:
        return {"link": address_of(link_to(shown, at))}
    except InputError as error:
        return {"refused": str(error)}


def shared_file(shown: Trace | Comparison) -> dict[str, str]:
    """``html``: the one-file page."""
    return {"html": trace_html(shown)}
