"""Every file and symbol of Xen that the package cites was found in that version's source."""

from __future__ import annotations

from pathlib import Path

from citations import Citation, collect, main, read_list


def test_every_citation_is_in_the_list() -> None:
    listed = read_list()
    strays = {c: where for c, where in collect().items() if c not in listed}
    assert not strays, f"look these up and run tests/tools/citations.py: {strays}"


def test_the_list_holds_nothing_that_is_not_cited() -> None:
    assert read_list() <= set(collect())


def test_there_is_something_to_hold() -> None:
    found = collect()
    assert len(found) > 200
    assert Citation("4.17", "xen/arch/x86/hvm/hvm.c", "__hvm_copy") in found
    assert Citation("4.18", "xen/common/domain.c", "map_guest_area") in found
    assert Citation("4.17", "xen/common/event_channel.c", "do_event_channel_op") in found


def test_what_is_not_in_a_tree_is_not_listed(tmp_path: Path, monkeypatch, capsys) -> None:
    """The maker of the list, on a tree with one file: it lists what is there, no more."""
    file = tmp_path / "xen/arch/x86/hvm/hvm.c"
    file.parent.mkdir(parents=True)
    file.write_text("static enum x __hvm_copy(void)\n", "ascii")
    made = tmp_path / "list.txt"
    monkeypatch.setattr("citations.LIST", made)
    assert main([f"4.17={tmp_path}"]) == 1
    assert read_list() == {
        Citation("4.17", "xen/arch/x86/hvm/hvm.c", ""),
        Citation("4.17", "xen/arch/x86/hvm/hvm.c", "__hvm_copy"),
    }
    assert "not there: 4.17 xen/arch/x86/hvm/hvm.c copy_to_user_hvm" in capsys.readouterr().out
