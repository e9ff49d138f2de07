from __future__ import annotations

import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from packed_texts import unpacked

from xenexplore.errors import InputError
from xenexplore.options.registry import OPTIONS
from xenexplore.render.web.page import comparison_head, comparison_json
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_text, load_builtin
from xenexplore.scenario.run.matrix import matrix
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.text.links import decode_link
from xenexplore.site.build import build_site
from xenexplore.site.folder import new_folder
from xenexplore.site.runs import scenario_files
from xenexplore.site.shell import POLICY


class Seen(HTMLParser):
    """What a page names, and what its policy would refuse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.refused: list[str] = []
        self.policy = ""
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids += [given["id"]] if "id" in given else []
        if tag == "a":
            self.links.append(given["href"])
        elif given.get("src") or given.get("href"):
            self.loads.append(given.get("src") or given["href"])
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        self.refused += [name for name in given if name == "style" or name.startswith("on")]
        self.refused += [tag] if tag in ("style", "iframe", "object", "base") else []
        self.refused += ["script"] if tag == "script" and "src" not in given else []


@pytest.fixture(scope="session")
def pages(site_folder: Path) -> dict[str, Seen]:
    return {
        path.relative_to(site_folder).as_posix(): Seen(path.read_text("utf-8"))
        for path in sorted(site_folder.rglob("*.html"))
    }


def test_every_link_leads_somewhere(site_folder: Path, pages: dict[str, Seen]) -> None:
    files = {p.relative_to(site_folder).as_posix() for p in site_folder.rglob("*") if p.is_file()}
    assert len(pages) > 60
    wrong = []
    for place, seen in pages.items():
        for link in [*seen.links, *seen.loads]:
            parts = urlsplit(link)
            if link.startswith("https://lore.kernel.org/xen-devel/") or link == "data:,":
                continue
            assert not parts.scheme, (place, link)
            assert not parts.netloc, (place, link)
            assert not parts.path.startswith("/"), (place, link)
            path = Path(place).parent / unquote(parts.path) if parts.path else Path(place)
            target = Path("/", path).resolve().relative_to("/").as_posix()
            if target not in files:
                wrong.append((place, link))
            elif target == "view.html" and parts.fragment not in ("", "main"):
                leads = decode_link(link)
                assert leads.scenario in (
                    "my.own",
                    "evtchn-send-from-stack",
                    "straddle",
                    "wrong-vcpu",
                )
            elif parts.fragment and unquote(parts.fragment) not in pages[target].ids:
                wrong.append((place, link))
    assert wrong == []


def test_nothing_comes_from_elsewhere_and_nothing_stands_in_a_page(pages: dict[str, Seen]) -> None:
    for place, seen in pages.items():
        assert seen.policy == POLICY, place
        assert seen.refused == [], place
        assert not [load for load in seen.loads if "//" in load], place
        assert len(seen.ids) == len(set(seen.ids)), place
    for directive in POLICY.split("; "):
        assert not directive.partition(" ")[2].startswith(("http", "*", "'unsafe"))


def test_the_matrix_is_whole(site_folder: Path, pages: dict[str, Seen]) -> None:
    text = (site_folder / "index.html").read_text("utf-8")
    for question in matrix(run=False):
        row = text[text.index(f"<b>{question.name}</b>") :].partition("</tr>")[0]
        cells = row.split("<td>")[1:]
        assert len(cells) == len(OPTIONS)
        for cell, made in zip(question.cells, cells, strict=True):
            assert 'class="none"' in made or 'class="mark' in made
            assert "no run: <" not in made
            if cell.reason:
                assert f"#{cell.option}" in made
    assert len([link for link in pages["index.html"].links if "view.html#" in link]) > 30


def test_runs_are_those_of_the_model(site_folder: Path) -> None:
    def data(name: str) -> bytes:
        return zlib.decompress((site_folder / "data" / name).read_bytes())

    scenario = load_builtin("wrong-vcpu")
    index = json.loads(data("wrong-vcpu/index.trace"))
    comparison = compare(scenario)
    assert index["head"].encode() == comparison_head(comparison)
    assert index["text"] == builtin_text("wrong-vcpu")
    texts = unpacked(index, [one["run"] for one in index["options"]])
    traces = [text.encode() for text in texts]
    assert traces == [trace_view_json(trace) for trace in comparison.traces]
    # As view.js joins them.
    body = ",\n".join(trace.decode().rstrip() for trace in traces)
    joined = f'{index["head"]},\n"traces":[\n{body}\n]}}\n'
    assert joined.encode() == comparison_json(comparison)
    more = json.loads(data("wrong-vcpu/more.trace"))
    runs = [more["runs"][trace.option.label]["text"] for trace in comparison.traces]
    picture, *texts = unpacked(more, [more["all"]["svg"], *runs])
    assert picture == comparison.svg()
    assert texts == [trace.text() for trace in comparison.traces]


def test_a_scenario_of_ones_own_is_shown(site_folder: Path, pages: dict[str, Seen]) -> None:
    assert (site_folder / "data" / "my.own" / "index.trace").is_file()
    assert "view.html#s=my.own" in pages["scenarios.html"].links
    assert any("#s=my.own&" in link for link in pages["questions/q6.html"].links)


def test_one_scenario_twice_gives_the_same_bytes() -> None:
    text = builtin_text("straddle")
    assert scenario_files(text, "a") == scenario_files(text, "a")


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="a folder with other files; name another folder"):
        build_site(tmp_path, builtins=[], recordings=())
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="expected a folder, got a file"):
        build_site(tmp_path / "mine.txt", builtins=[], recordings=())


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "site"
    with new_folder(place) as made:
        (made / "site.json").write_text('{"schema": "xenexplore.site/1"}')
    old = sorted(tmp_path.rglob("*"))

    def fill() -> None:
        with new_folder(place) as made:
            (made / "half").write_text("")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fill()
    assert sorted(tmp_path.rglob("*")) == old
    bad = tmp_path / "bad.toml"
    bad.write_text("name = 1\n")
    with pytest.raises(InputError, match=r"bad\.toml: line 1"):
        build_site(place, builtins=["straddle"], scenarios=[str(bad)], recordings=())
    bad.write_text(builtin_text("straddle"))
    with pytest.raises(InputError, match="as in straddle"):
        build_site(place, builtins=["straddle"], scenarios=[str(bad)], recordings=())
    bad.unlink()
    assert sorted(tmp_path.rglob("*")) == old
    with new_folder(place) as made:
        (made / "site.json").write_text('{"schema": "xenexplore.site/1"}\n')
    assert [path.name for path in place.iterdir()] == ["site.json"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
