"""Texts are packed and put together again, byte for byte, by the script that the site has."""

from __future__ import annotations

import json
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_texts import unpacked

from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_text, load_builtin
from xenexplore.scenario.run.runner import compare
from xenexplore.site.pool import TextPool
from xenexplore.site.runs import scenario_files

# Numbers as runs have them, as they do not, and what stands between them.
_WORDS = st.sampled_from(
    ("0", "00", "007", "10", "9999999", "10000000", "12345678", "99999999999999999", "1.5", "-3",
     "0x", "0x0", "0x00", "0x1f", "0xffff888000001000", "0x8000000023e48163", "0xfffffffff", "0XA",
     "00000010", "deadbeef", "DEADBEEF", "ffff8880'00114450", "ffff888000001000", "000000000001",
     "x86", "é١", "\n", "\r\n", "\u2028", "[1,2,[3,", "]],", '"a 1",', '"\\"', "{", "}", " ", ",")
)  # fmt: skip
_TEXTS = st.lists(
    st.lists(
        _WORDS | st.integers(0, 1 << 64).map(hex) | st.integers(0, 1 << 33).map(str)
        | st.integers(0, 1 << 33).map("{:08x}".format),
        max_size=40,
    ).map("".join)
    | st.integers(1, 400).map(lambda size: "[" + '[1,"0x2"],' * size + "]"),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=30)
@given(texts=_TEXTS)
def test_any_text_comes_back(texts: list[str]) -> None:
    pool = TextPool()
    packed = [pool.add(text) for text in texts]
    assert unpacked(json.loads(json.dumps(pool.shared())), packed) == texts


@pytest.mark.parametrize("mark", ["\x01", "\x02", "\x03", "\x04"])
def test_a_mark_of_a_number_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match=r"U\+0001 to U\+0004"):
        TextPool().add(f"a{mark}b")


@pytest.mark.parametrize("name", ["bounce-limit", "pv-guest", "real-buffers"])
def test_every_run_of_a_scenario_comes_back(name: str) -> None:
    """The others: ``tests/tools/try_site.py --all``."""
    _, files = scenario_files(builtin_text(name), name)
    size = len(files[f"{name}/index.trace"])
    index = json.loads(zlib.decompress(files[f"{name}/index.trace"]))
    runs = unpacked(index, [one["run"] for one in index["options"]])
    assert [run.encode() for run in runs] == [
        trace_view_json(trace) for trace in compare(load_builtin(name)).traces
    ]
    # Of a long run the thousandth turn costs no more than the second.
    assert size < sum(map(len, runs)) / (40 if name == "bounce-limit" else 10)
