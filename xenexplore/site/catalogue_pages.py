"""The catalogue of hypercalls: a list that is searched, and a page for each hypercall."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families
from xenexplore.hypercalls.outline.entry_json import entry_json
from xenexplore.site.shell import page, table

__all__ = ["catalogue_pages"]


def catalogue_pages() -> Iterator[tuple[str, str]]:
    """Each page of it with its place in the site."""
    rows = []
    for one in families():
        records = [(op, entry_json(op)) for op in one.ops.values()]
        yield f"catalogue/{one.name}.html", _family_page(one, records)
        rows.append(_list_row(one, "", entry_json(one)))
        rows += [_list_row(one, f"#{op.name}", record) for op, record in records]
    head = ("Name", "Number", "Guests", "Xen", "Summary")
    listed = table(head, rows, caption="Every hypercall and sub-op", cls="wide listed")
    body = f"""<h1>Hypercalls</h1>
<p class="lead">Registers, argument structs, guest handles, and the copies that Xen makes, in order.
</p><p class="search"><label for="search">Search</label>
<input id="search" type="search" autocomplete="off" placeholder="memory_op, evtchn send, XENMEM_">
<span id="count" role="status">{len(rows)} entries</span></p>{listed}"""
    yield (
        "catalogue/index.html",
        page("Hypercalls", body, here="catalogue/index.html", script="catalogue.js"),
    )


def _list_row(one: Family, anchor: str, record: dict[str, Any]) -> tuple[str, ...]:
    number = f"{record['number']}.{record['sub_op']}" if "sub_op" in record else record["number"]
    constant = record.get("constant", "")
    words = f'<span class="also">{escape(constant)}</span>' if constant else ""
    return (
        f'<a href="{one.name}.html{anchor}">{escape(record["name"])}</a>{words}',
        str(number),
        escape(", ".join(record["guests"])),
        escape(_versions(record)),
        escape(record["summary"]),
    )


def _versions(record: dict[str, Any]) -> str:
    """Where a fact was read, or from which release on there is such a sub-op."""
    return str(record.get("version") or "")


def _family_page(one: Family, records: list[tuple[SubOp, dict[str, Any]]]) -> str:
    record = entry_json(one)
    body = [f"<h1>{escape(one.name)}</h1>", _entry(record)]
    if records:
        rows = [
            (
                f'<a href="#{op.name}">{escape(op.name)}</a>',
                str(op.value),
                escape(op.constant),
                escape(op.summary),
            )
            for op, _ in records
        ]
        body.append("<h2>Sub-ops</h2>")
        body.append(
            table(("Sub-op", "Value", "Constant", "Summary"), rows, caption="Sub-ops", cls="wide")
        )
    for op, found in records:
        body.append(f'<section id="{op.name}"><h2>{escape(op.title)}</h2>{_entry(found)}</section>')
    title = f"{one.name}, hypercall {one.number}"
    return page(title, "".join(body), here=f"catalogue/{one.name}.html")


def _entry(record: dict[str, Any]) -> str:
    facts = [
        ("Number", str(record["number"])),
        ("Sub-op", f"{record['sub_op']}, {record['constant']}" if "sub_op" in record else ""),
        ("Guests", ", ".join(f"{kind} ({how})" for kind, how in record["guests"].items())),
        ("Caller", record["who"]),
        ("Header", f"xen/include/public/{record['header']}"),
        (
            "Source",
            "; ".join(f"{source} (Xen {record['version']})" for source in record["sources"]),
        ),
        ("No limit", record["unbounded"] or ""),
        ("Notes", record["notes"] or ""),
    ]
    parts = [f'<p class="lead">{escape(record["summary"])}</p><dl class="facts">']
    parts += [f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in facts if text]
    parts.append("</dl>")
    registers = [
        (f"<code>{escape(row['register'].upper())}</code>", escape(row["carries"]))
        for row in record["registers"]
    ]
    parts.append(table(("Register", "Carries"), registers, caption="Registers"))
    struct = record["struct"]
    if isinstance(struct, dict):
        fields = [
            (str(field["offset"]), str(field["size"]), f"<code>{escape(field['name'])}</code>",
             f"<code>{escape(field['type'])}</code>")
            for field in struct["fields"]
        ]  # fmt: skip
        caption = f"{struct['name']}: {struct['size']} bytes, aligned to {struct['align']}"
        parts.append(table(("Offset", "Size", "Field", "Type"), fields, caption=caption))
    elif struct:
        parts.append(f"<p>Argument: <code>{escape(struct)}</code></p>")
    return "".join((*parts, _plan(record)))


def _plan(record: dict[str, Any]) -> str:
    if record["missing"]:
        return f"<p>Copy plan not modelled: {escape(record['missing'])}</p>"
    if not record["plan"]:
        return "<p>Xen copies nothing.</p>"
    lines = "".join(
        f'<li class="d{min(line["depth"], 9)}">{escape(line["text"])}'
        + (f" <i>({escape(line['role'])})</i>" if line.get("role") else "")
        + "</li>"
        for line in record["plan"]
    )
    head = f'<p class="planhead">Copy plan, as {escape(record["guest"])}</p>'
    return f'{head}<ul class="plan">{lines}</ul>'
