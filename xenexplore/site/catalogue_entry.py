"""One entry of the catalogue as HTML: registers, structs, the copies that Xen makes."""

from __future__ import annotations

from html import escape
from typing import Any

from xenexplore.site.shell import table

__all__ = ["entry_html"]


def entry_html(record: dict[str, Any]) -> str:
    """An entry as :func:`~xenexplore.hypercalls.outline.entry_json.entry_json` has it."""
    facts = [
        ("Number", str(record["number"])),
        ("Sub-op", f"{record['sub_op']}, {record['constant']}" if "sub_op" in record else ""),
        ("Guests", ", ".join(f"{kind} ({how})" for kind, how in record["guests"].items())),
        ("Caller", record["who"]),
        ("Header", f"xen/include/public/{record['header']}"),
        (
            "Source",
            "; ".join(record["sources"]),
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
