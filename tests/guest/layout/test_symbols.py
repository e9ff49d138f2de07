from __future__ import annotations

from pathlib import Path

import pytest

from xenexplore.addr import Gva
from xenexplore.errors import InputError
from xenexplore.guest.layout.symbols import Symbol, SymbolTable, read_kallsyms

KALLSYMS = Path(__file__).parents[3] / "xenexplore/recording/data/kallsyms.dom0.zst"


@pytest.fixture(scope="module")
def real():
    return read_kallsyms(KALLSYMS)


def test_a_real_kernels_symbols(real):
    assert len(real) > 90_000
    assert real.value("_text") == 0xFFFFFFFF81000000
    assert "init_stack" in real
    assert real.value("no_such_symbol") is None
    assert {"xen_privcmd", "xen_evtchn"} <= set(real.modules())


def test_addresses_become_names(real):
    at = real.value("xen_hypercall_pv")
    assert str(real.find(Gva(at))) == "xen_hypercall_pv"
    assert str(real.find(Gva(at + 5))) == "xen_hypercall_pv+0x5"
    privcmd = real.find(Gva(real.value("xen_privcmd_fops")))
    assert str(privcmd) == "xen_privcmd_fops [xen_privcmd]"
    assert real.find(Gva(0x1000)) is None


def test_percpu_variables_are_offsets(real):
    assert real.percpu_size == 0x35000
    assert str(real.find_percpu(real.value("xen_runstate") + 8)) == "xen_runstate+0x8"
    assert real.find_percpu(real.percpu_size) is None
    assert real.find_percpu(-1) is None


def test_a_variable_names_its_address_better_than_a_bound():
    first = 1 << 63
    table = SymbolTable([Symbol(first, "__start_x", "D"), Symbol(first, "x", "D")])
    assert str(table.find(Gva(first))) == "x"
    assert table.span("x", "y") is None
    assert table.span("__start_x", "x") == (first, first)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ffffffff81000000 T\n", "line 1"),
        ("ffffffff81000000 T _text\nxyz T b\n", "line 2"),
        ("0000000000000000 T _text\n0000000000000000 T _etext\n", "read /proc/kallsyms as root"),
    ],
)
def test_bad_files_are_errors(tmp_path, text, said):
    path = tmp_path / "kallsyms"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_kallsyms(path)
