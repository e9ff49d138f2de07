"""Link to an answer in a site: its run and its step, in a site."""

from __future__ import annotations

from xenexplore.mail.reply import Reply
from xenexplore.scenario.library.builtin import builtin_names
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.address import site_address
from xenexplore.scenario.run.runner import options_of
from xenexplore.scenario.text.links import Link
from xenexplore.scenario.text.writer import write_scenario

__all__ = ["site_link"]


def site_link(site: str, answer: Reply, scenario: Scenario, named: str) -> str:
    """The address of the answer's run, at the step where it diverges from the other.

    Args:
        site: the site's address, with or without a page's name at its end.
        answer: what is linked to.
        scenario: what the answer runs.
        named: the built-in scenario's name, if it is one as it stands; or ``""``: the link
            carries the text.
    """
    label = answer.after.option.label
    found = answer.difference
    step = None if found is None or found.other is None else found.other
    known = named in builtin_names() and label in {one.label for one in options_of(scenario)}
    link = (
        Link(scenario=named, option=label, step=step)
        if known
        else Link(text=write_scenario(scenario), option=label, step=step)
    )
    return site_address(site, link)
