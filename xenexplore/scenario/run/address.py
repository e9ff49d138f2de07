"""The address of a run in a site: which site is used, and the link to what is on show."""

from __future__ import annotations

import os
from dataclasses import replace
from urllib.parse import urlsplit

from xenexplore.errors import InputError, MachineError
from xenexplore.options.registry import variant
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import options_of
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.links import Link, encode_link
from xenexplore.scenario.text.writer import write_scenario

__all__ = ["ENVIRONMENT", "address_of", "link_to", "site_address", "site_in_use", "use_site"]

#: Says which site is used, until :func:`use_site` does.
ENVIRONMENT = "XENEXPLORE_SITE"
_chosen: list[str] = []


def use_site(url: str) -> None:
    """Set the site for links to runs: one made by ``xenexplore site``, which others can reach.

    ``"Copy link"`` of a view and :func:`address_of` then give addresses in it. The environment
    variable ``XENEXPLORE_SITE`` does the same for every session.

    Args:
        url: the site's address, with or without a page's name at its end; ``""``: none.

    Raises:
        InputError: it is not an address.

    >>> use_site("https://example.org/xen/")
    >>> address_of(Link(scenario="straddle"))
    'https://example.org/xen/view.html#s=straddle'
    >>> use_site("")
    """
    _chosen[:] = [_checked(url, "site") if url else ""]


def site_in_use() -> str:
    """The address that :func:`use_site` or the environment gives, or ``""``.

    Raises:
        InputError: the environment has no address.
    """
    if _chosen:
        return _chosen[0]
    given = os.environ.get(ENVIRONMENT, "")
    return _checked(given, ENVIRONMENT) if given else ""


def _checked(url: str, source: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file") or not (parts.netloc or parts.path):
        raise InputError(
            source, "", expected="a site's address, such as https://example.org/xen/", got=repr(url)
        )
    return url


def site_address(site: str, link: Link) -> str:
    """The address of a link in a site.

    >>> site_address("https://example.org/xen/view.html#s=a", Link(scenario="straddle", step=3))
    'https://example.org/xen/view.html#s=straddle&step=3'
    """
    base = site.partition("#")[0]
    folder = base if base.endswith("/") else base.removesuffix("view.html").rstrip("/") + "/"
    return f"{folder}view.html{encode_link(link)}"


def address_of(link: Link) -> str:
    """The address of a link in the site that is used.

    Raises:
        InputError: no site is used; it says how to name one.
    """
    site = site_in_use()
    if not site:
        raise InputError(
            "link", "", expected="a site to link to", got="none",
            hint=f'xe.use_site("https://..."), or {ENVIRONMENT} in the environment, names one that '
            "xenexplore site made",
        )  # fmt: skip
    return site_address(site, link)


def link_to(shown: Trace | Comparison, step: int | None = None, column: str = "") -> Link:
    """Link to a view.

    A built-in scenario is named where its own designs are shown; otherwise its text, with the
    designs that are, stands in the link.

    Args:
        shown: a run, or a comparison.
        step: from 0; of a comparison the common time; None: where it opens.
        column: of a comparison, the label of the design that is looked at.

    Raises:
        InputError: it is a session's own and no scenario's, or of a design that is not listed.

    >>> from xenexplore.scenario.run.runner import run
    >>> encode_link(link_to(run("straddle", "giant-map"), 3))
    '#s=straddle&o=giant-map&step=3'
    """
    traces = (shown,) if isinstance(shown, Trace) else shown.traces
    labels = [trace.option.label for trace in traces]
    option = labels[0] if isinstance(shown, Trace) else ""
    scenario = traces[0].scenario
    if scenario is None:
        raise InputError(
            "link", "", expected="a scenario's run", got="a session's own",
            hint="xen.scenario() is the scenario of a session, and its runs have links",
        )  # fmt: skip
    own = {one.label: one for one in options_of(scenario)}
    if traces[0].builtin and set(labels) <= set(own):
        return Link(scenario=traces[0].about.name, option=option, column=column, step=step)
    try:
        designs = tuple(own[label] if label in own else variant(label) for label in labels)
    except MachineError as error:
        raise InputError(
            "link", "", expected="designs that xenexplore lists", got=str(error),
            hint="a design that is not built in must be typed into the site's page",
        ) from None  # fmt: skip
    if not option and labels != list(own):
        scenario = replace(scenario, options=designs, expects=())
    return Link(text=write_scenario(scenario), option=option, column=column, step=step)
