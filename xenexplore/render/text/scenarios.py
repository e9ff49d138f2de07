"""Scenarios as a list, and what came of checking them."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.render.text.table import paragraph, table
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.writer import write_scenario

__all__ = ["check_text", "names_text", "scenario_text", "scenarios_text"]


def scenario_text(scenario: Scenario) -> str:
    """A scenario as the text that it is: what loads it again."""
    return write_scenario(scenario)


def names_text(names: Sequence[str]) -> str:
    """Built-in scenarios, as :func:`scenarios_text` lists them."""
    return scenarios_text([load_builtin(name).about for name in names])


def scenarios_text(scenarios: Sequence[About]) -> str:
    """A line for each scenario: name, questions, and its title below."""
    rows = [(about.name, " ".join(about.question)) for about in scenarios]
    lines = []
    for about, line in zip(scenarios, table(rows, "ll"), strict=True):
        lines.append(line)
        lines += paragraph(about.title, 4)
    return "".join(f"{line}\n" for line in lines)


def check_text(name: str, runs: int, failed: Sequence[str]) -> str:
    """Result of one scenario's expectations."""
    if not failed:
        return f"holds  {name} ({runs} {'expectation' if runs == 1 else 'expectations'})\n"
    lines = [f"FAILS  {name}"]
    for text in failed:
        lines += paragraph(text, 7, 2)
    return "".join(f"{line}\n" for line in lines)
