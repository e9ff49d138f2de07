"""The scenario format as text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from xenexplore.memory.image_pages import PAGES_NAME, RECORD_SIZE, REGISTERS_NAME
from xenexplore.render.text.table import heading, paragraph
from xenexplore.scenario.text.format import Key, Table, scenario_format
from xenexplore.scenario.text.format_example import EXAMPLE

__all__ = ["format_text"]


def format_text() -> Iterator[str]:
    """Every table and key at 72 columns, an example, and the page-table-pages format."""
    yield from _lines(heading("A scenario: TOML, UTF-8", "="))
    for table in scenario_format():
        yield "\n"
        yield from _lines(heading(_title(table)))
        yield from _lines(paragraph(table.help))
        for key in table.keys:
            yield from _lines(_key(key))
    yield "\n"
    yield from _lines(heading("An example with every table"))
    yield "\n" + EXAMPLE + "\n"
    yield from _lines(heading("Page-table pages", "="))
    yield from _lines(
        paragraph(
            f"A file whose name begins with {PAGES_NAME}, or that consists of records of "
            f"{RECORD_SIZE} bytes (.zst or not): for each page that holds a page table, its "
            "physical address as a little-endian 64-bit number, page-aligned and below 2^52, "
            "each once, then the page's 4096 bytes. The output of QEMU's 'info registers' may "
            f"be in the same folder as {REGISTERS_NAME}."
        )
    )


def _lines(lines: list[str]) -> Iterator[str]:
    yield from (line + "\n" for line in lines)


def _title(table: Table) -> str:
    if not table.name:
        return "at the top"
    brackets = f"[[{table.name}]]" if table.many else f"[{table.name}]"
    selector = "do" if table.name == "action" else "use"
    return f'{brackets} {selector} = "{table.word}"' if table.word else brackets


def _key(key: Key) -> list[str]:
    """One key: what it takes, what holds without it, an example, and what it is."""
    facts = [key.kind]
    if key.low is not None or (key.high is not None and key.high < 1 << 40):
        most = f" to {key.high}" if key.high is not None and key.high < 1 << 40 else " or more"
        facts[0] += f", {key.low or 0}{most}"
    if key.values:
        facts.append("one of " + ", ".join(key.values))
    if key.required:
        facts.append("required")
    elif key.default not in (None, ""):
        facts.append(f"default {json.dumps(key.default)}")
    if key.example is not None:
        facts.append(f"e.g. {json.dumps(key.example)}")
    lines = paragraph(f"{key.name}: {'; '.join(facts)}", 2, 4)
    return [*lines, *paragraph(key.help, 6)] if key.help else lines
