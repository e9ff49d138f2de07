from __future__ import annotations

import re
from importlib import resources

import pytest

from xenexplore.errors import RecorderError
from xenexplore.recording.recorder.hooks import FUNCTIONS, read_hooks

PLUGIN = (resources.files("xenexplore.recording.recorder") / "plugin.c").read_text()


def symbols(names) -> str:
    return "".join(f"ffff82d04020{at:04x} T {name}\n" for at, name in enumerate(names))


def test_the_functions_of_a_map(tmp_path):
    path = tmp_path / "xen-syms.map"
    names = [name for name in FUNCTIONS if name != "memcpy"]
    path.write_text(symbols([*names, "other"]) + "ffff82d040300000 t usercopy.c#copy_to_guest_ll\n"
                    "ffff82d040300001 t x.c#memcpy\nno address here\n")  # fmt: skip
    hooks = read_hooks(path)
    assert hooks.at.keys() == set(names)
    assert hooks.at["copy_to_guest_ll"] == 0xFFFF82D040300000
    assert hooks.decodes
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", hooks.symbols)
    assert hooks.text.count("\n") == len(names)
    assert "ffff82d040300000 to\n" in hooks.text


@pytest.mark.parametrize("gone", ["hvm_hypercall", "hardware_domain", "context_switch"])
def test_a_xen_without_symbols_is_refused(tmp_path, gone):
    path = tmp_path / "xen-syms.map"
    path.write_text(symbols(name for name in FUNCTIONS if name != gone))
    with pytest.raises(RecorderError, match=rf"xen-syms.map: .*{gone}.*release build"):
        read_hooks(path)
    path.write_bytes(b"\x7fELF\x02\x00\xff")
    with pytest.raises(RecorderError, match="the functions to hook"):
        read_hooks(path)


def test_one_of_the_two_names_of_a_copy_is_enough(tmp_path):
    path = tmp_path / "xen-syms.map"
    path.write_text(symbols(name for name in FUNCTIONS if not name.endswith("_pv")
                            or name == "clear_guest_pv"))  # fmt: skip
    assert read_hooks(path).at
    path.write_text(symbols(name for name in FUNCTIONS if not name.startswith("copy_to_guest")))
    with pytest.raises(RecorderError, match="copy_to_guest_ll or copy_to_guest_pv"):
        read_hooks(path)


def test_the_plugin_knows_the_same_kinds():
    (listed,) = re.findall(r"kind_name\[KINDS\] = \{(.*?)\}", PLUGIN, re.DOTALL)
    assert set(re.findall(r'"(\w+)"', listed)) == set(FUNCTIONS.values())


def test_the_plugin_includes_no_header_of_others():
    headers = re.findall(r"#include <(.*?)>", PLUGIN)
    assert set(headers) <= {"pthread.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h",
                            "string.h", "time.h"}  # fmt: skip
    assert '#include "' not in PLUGIN
