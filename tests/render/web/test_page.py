"""The offline page as text: the same bytes each time, a policy that fits, nothing that escapes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from browser import made
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.cli.main import main
from xenexplore.render.views.comparison import verdict_of
from xenexplore.render.web.page import (
    comparison_json,
    html_document,
    opening_step,
    save_html,
    trace_html,
    web_module,
    web_style,
)
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run


class Elements(HTMLParser):
    """Elements of a page: (tag, attributes, text inside)."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append((tag, dict(attrs), []))
        if tag in ("meta", "img"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            name, attrs, text = self.open.pop()
            self.found.append((name, attrs, "".join(text)))
            if name == tag:
                return

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1][2].append(data)

    def named(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(attrs, text) for name, attrs, text in self.found if name == tag]


def test_the_same_path_makes_the_same_bytes() -> None:
    made.private.cache_clear()
    first = trace_html(made.private())
    made.private.cache_clear()
    assert trace_html(made.private()) == first


def test_the_page_has_not_grown() -> None:
    """Of the default option; in November 2026, with half of what it explains now: 197,988."""
    assert len(trace_html(run(load_builtin("wrong-vcpu"))).encode()) <= 198_000


def test_the_policy_allows_exactly_this_script_and_this_style() -> None:
    page = Elements(trace_html(made.stack_send()))
    policy = next(
        attrs["content"] or ""
        for attrs, _ in page.named("meta")
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    (style,) = page.named("style")
    scripts = [(attrs, text) for attrs, text in page.named("script")]
    module = next(text for attrs, text in scripts if attrs.get("type") == "module")
    for name, text in (("script-src", module), ("style-src", style[1])):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert [attrs.get("type") for attrs, _ in scripts] == ["application/json", "module"]
    assert not any("src" in attrs for attrs, _ in scripts)


def test_the_data_is_the_path_whatever_it_says() -> None:
    trace = made.many_sends()  # its title tries to close the data block
    page = Elements(trace_html(trace))
    (data,) = (text for attrs, text in page.named("script") if attrs.get("id") == "data")
    shown = json.loads(data)
    assert shown.pop("view")
    assert shown == json.loads(trace.to_json())
    assert not page.named("b")
    (title,) = page.named("title")
    assert "</script>" in title[1]


@given(st.text(max_size=60))
def test_no_text_leaves_its_place(text: str) -> None:
    text = text.replace("\r", "")  # HTML has one line end
    data = json.dumps({"traces": [text]}, ensure_ascii=False)
    page = html_document(data, title=text, fallback_text=text)
    block = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    assert json.loads(block[1]) == {"traces": [text]}
    assert not set(block[1]) & set("<>&\u2028\u2029")
    fallback = re.search(r"<noscript>(.*?)</noscript>", page, re.DOTALL)
    assert fallback is not None
    assert "<" not in fallback[1].removeprefix("<pre>").removesuffix("</pre>")


def test_a_picture_for_readers_without_scripts() -> None:
    svg = '<svg a="\'">x & 7% #y\n</svg>'
    page = Elements(html_document("{}", title="a & b", fallback_svg=svg))
    (image,) = page.named("img")
    source = image[0]["src"] or ""
    assert unquote(source.removeprefix("data:image/svg+xml,")) == svg.replace("\n", "")
    assert image[0]["alt"] == "a & b"


def test_the_stepper_needs_no_build_and_no_network() -> None:
    script = re.sub(
        r"^const (?:GLOSSARY|XEN_SOURCE) = .*$", "", web_module(), count=2, flags=re.MULTILINE
    )
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "eval(", "http://", "https://"):
        assert word not in script
    assert "http" not in web_style()
    # What the policy would refuse: styles in attributes.
    assert 'style="' not in script


def test_a_comparison_carries_every_path() -> None:
    comparison = made.options()
    data = json.loads(comparison_json(comparison))
    paths = data.pop("traces")
    assert data.pop("verdict") == verdict_of(comparison)
    assert data.pop("results") == ["0"] * len(comparison.rows)
    moments = data.pop("moments")
    assert [of_one[-1][2].split()[0] for of_one in moments] == ["right"] * len(comparison.rows)
    assert data.pop("opens") == [opening_step(row.trace) for row in comparison.rows]
    assert data == json.loads(comparison.to_json())
    assert paths == [json.loads(trace_view_json(row.trace)) for row in comparison.rows]


def test_the_command_writes_what_the_function_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["html", "evtchn-send-from-stack"]
    assert main([*words, "--option", "giant-map", "-o", str(tmp_path / "one.html")]) == 0
    save_html(made.stack_send(), tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert main([*words, "--compare", "-o", "-"]) == 0
    assert capsys.readouterr().out == trace_html(made.options())


def test_the_command_prints_code_that_does_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.html"
    words = ["html", "wrong-vcpu", "--option", "software-tlb", "-o", str(file)]
    assert main([*words, "--code"]) == 0
    assert not file.exists()
    exec(compile(capsys.readouterr().out, "printed", "exec"), {})
    assert file.read_text(encoding="utf-8") == trace_html(made.wrong_vcpu())


@pytest.mark.parametrize(
    "words",
    [
        ["html", "wrong-vcpu", "--option", "nonsense", "-o", "x.html"],
        ["html", "wrong-vcpu", "--option", "giant-map", "--compare", "-o", "x.html"],
        ["html", "no-such-scenario", "-o", "x.html"],
        ["html", "wrong-vcpu", "-o", "no/such/folder/x.html"],
    ],
)
def test_bad_input_is_one_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
