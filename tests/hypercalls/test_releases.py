"""Releases of Xen: names, spans, and what the data says once for several of them."""

from __future__ import annotations

import pytest

from xenexplore.errors import CatalogueError, InputError, ReleaseError
from xenexplore.hypercalls import RELEASES, diff, families, find, predict, search
from xenexplore.hypercalls.catalogue.at_release import at_release
from xenexplore.hypercalls.language.parser import parse_plan
from xenexplore.hypercalls.language.statements import ExitStatement, Let
from xenexplore.hypercalls.outline.diff import Aspect, CatalogueDiff
from xenexplore.hypercalls.plan.predict import FAULT, PlanCall, PlanChoice, PlanCopy, PlanOutcome
from xenexplore.hypercalls.releases import DEFAULT, Releases, release_of
from xenexplore.hypercalls.structs import structs_for


@pytest.mark.parametrize(
    ("told", "release"),
    [
        ("4.17.7", "4.17"),
        ("4.20.4-pre", "4.20"),
        ("unstable", "unstable"),
        ("4.23-unstable", "unstable"),
    ],
)
def test_a_version_belongs_to_its_series(told: str, release: str) -> None:
    assert release_of(told) == release


@pytest.mark.parametrize("unknown", ["4.16.1", "4", "", "5.0", "4.2"])
def test_an_unknown_version_is_refused_with_the_known_ones(unknown: str) -> None:
    for asks in (lambda: release_of(unknown), lambda: families(unknown),
                 lambda: find("vcpu_op", xen=unknown), lambda: diff("4.17", unknown)):  # fmt: skip
        with pytest.raises(ReleaseError, match=r"4\.17, 4\.18, .*, unstable") as error:
            asks()
        assert error.value.known == RELEASES
        assert isinstance(error.value, CatalogueError)


@pytest.mark.parametrize(
    ("text", "words", "holds"),
    [
        ("4.18..", "since 4.18", RELEASES[1:]),
        ("..4.18", "until 4.18", RELEASES[:2]),
        ("4.18..4.20", "4.18 to 4.20", RELEASES[1:4]),
        ("4.19..4.19", "4.19 to 4.19", RELEASES[2:3]),
        ("unstable..", "since unstable", RELEASES[-1:]),
    ],
)
def test_spans(text: str, words: str, holds: tuple[str, ...]) -> None:
    span = Releases.parse(text)
    assert str(span) == words
    assert tuple(release for release in RELEASES if span.holds(release)) == holds


def test_the_data_is_read_as_a_release_has_it() -> None:
    table = {
        "who": [{"is": "old", "until": "4.18"}, {"is": "new", "since": "4.19"}],
        "sources": ["a.c: f", {"is": "b.c: g", "since": "4.20"}],
        "op": [
            {"constant": "A", "until": "4.18"},
            {"constant": "B", "inner": {"X": {"is": 1, "since": "4.20"}}},
        ],
        "only": {"is": 5, "since": "4.22"},
    }  # fmt: skip
    assert at_release(table, "4.18", "x") == {
        "who": "old", "sources": ["a.c: f"],
        "op": [{"constant": "A", "until": "4.18"}, {"constant": "B", "inner": {}}],
    }  # fmt: skip
    late = at_release(table, "4.22", "x")
    assert (late["who"], late["only"], len(late["op"])) == ("new", 5, 1)
    assert late["sources"] == ["a.c: f", "b.c: g"]
    assert late["op"][0]["inner"] == {"X": 1}
    with pytest.raises(InputError, match=r"x: who\.since: expected 4\.17 or .*, got 4\.16"):
        at_release({"who": {"is": 1, "since": "4.16"}}, "4.18", "x")


def test_a_plan_has_the_blocks_of_its_release() -> None:
    text = """
let a = 1
until 4.18:
    fail -EPERM if a
since 4.19:
    since 4.21:
        fail -EINVAL if a
    let a = 2
"""
    kinds = {xen: [type(statement) for statement in parse_plan(text, "x", xen)] for xen in RELEASES}
    assert kinds["4.17"] == kinds["4.18"] == [Let, ExitStatement]
    assert kinds["4.19"] == kinds["4.20"] == [Let, Let]
    assert kinds["4.21"] == kinds["unstable"] == [Let, ExitStatement, Let]
    with pytest.raises(InputError, match=r"since 4\.16:"):
        parse_plan("since 4.16:\n    let a = 1\n", "x")


def test_nothing_of_the_default_release_is_of_another() -> None:
    for one in families():
        for entry in (one, *one.ops.values()):
            assert entry.xen == DEFAULT
            assert Releases(entry.since, entry.until).holds(DEFAULT)


def test_an_entry_of_another_release_says_which() -> None:
    with pytest.raises(ReleaseError, match=r"Xen 4.17 has no vcpu_op.register_runstate_phys_area: "
                       "it is there since 4.18"):  # fmt: skip
        find("VCPUOP_register_runstate_phys_area")
    with pytest.raises(ReleaseError, match=r"Xen 4.22 has no xenoprof_op.start.*until 4.21"):
        find("xenoprof_op start", xen="4.22")
    with pytest.raises(ReleaseError, match=r"Xen unstable has no kexec_op.kexec_load_v1.*4.22"):
        find("kexec_load_v1", xen="unstable")
    found = find("vcpu_op register_runstate_phys_area", xen="4.20.1")
    assert (found.xen, found.since, found.value) == ("4.20", "4.18", 14)
    assert [entry.title for entry in search("24.15", xen="4.18")] == [
        "vcpu_op.register_vcpu_time_phys_area"
    ]


def run(
    call: PlanCall, memory: dict[int, bytes], fault: int = 0
) -> tuple[list[PlanCopy], PlanOutcome]:
    """The copies of a call on Xen's usual path, and how it ended."""
    steps, reply, copies = predict(call), None, []
    try:
        while True:
            step = steps.send(reply)
            if isinstance(step, PlanChoice):
                reply = step.usual
                continue
            copies.append(step)
            reply = memory.get(step.address)
            if fault and fault == step.address:
                reply = FAULT
    except StopIteration as stop:
        return copies, stop.value


def test_the_twins_are_refused_by_their_arguments() -> None:
    def ended(address: int, vcpu: int = 0, op: int = 14) -> tuple[int, str]:
        call = PlanCall(24, (op, vcpu, 0x1000), "hvm", facts={"vcpus": 2, "current": 0}, xen="4.18")
        copies, outcome = run(call, {0x1000: address.to_bytes(8, "little")})
        return len(copies), str(outcome.value)

    assert ended(0x5000) == (1, "0")
    assert ended((1 << 64) - 1) == (1, "0")
    # 48 and 32 bytes: the last place in a page; map_guest_area() wants 8-byte alignment.
    assert ended(0x5FD0)[1] == "0"
    assert ended(0x5FD8)[1] == ended(0x5004)[1] == "-6"
    assert ended(0x5FE0, op=15)[1] == "0"
    assert ended(0x5FE8, op=15)[1] == "-6"
    assert ended(0x5000, vcpu=2) == (0, "-2")


def test_a_bitmap_goes_in_two_copies_since_4_21() -> None:
    """bitmap_to_xenctl_bitmap(): XEN_SYSCTL_cpupool_op's info; the second copy is made anyway."""
    for xen, version in (("4.20", 21), ("4.21", 22)):
        sizes = structs_for("x86_64", xen)
        data = bytearray(sizes.sizeof("xen_sysctl"))
        data[:8] = (18).to_bytes(4, "little") + version.to_bytes(4, "little")
        field = sizes.resolve("xen_sysctl", "u.cpupool_op.op")
        data[field.offset : field.offset + 4] = (3).to_bytes(4, "little")
        at = sizes.resolve("xen_sysctl", "u.cpupool_op.cpumap.bitmap").offset
        data[at : at + 8] = (0x9000).to_bytes(8, "little")
        at = sizes.resolve("xen_sysctl", "u.cpupool_op.cpumap.nr_bits").offset
        data[at : at + 4] = (64).to_bytes(4, "little")
        call = PlanCall(35, (0x1000,), "hvm", facts={"control": 1}, xen=xen)
        copies, _ = run(call, {0x1000: bytes(data)})
        of_map = [copy for copy in copies if copy.role.startswith(("the bitmap", "the last byte"))]
        assert len(of_map) == (1 if xen == "4.20" else 2), xen
        wrong = PlanCall(
            35, (0x1000,), "hvm", facts={"control": 1}, xen="4.18" if version == 22 else "4.22"
        )
        assert run(wrong, {0x1000: bytes(data)})[1].value == -13


def test_the_difference_of_two_releases() -> None:
    found = diff("4.17", "4.21")
    assert isinstance(found, CatalogueDiff)
    names = [entry.title for entry in found.added]
    assert "vcpu_op.register_runstate_phys_area" in names
    assert len(names) == 15
    assert found.removed == ()
    changed = {change.new.title: change for change in found.changed}
    assert changed["domctl"].aspects == (Aspect.CONSTANTS, Aspect.PLAN)
    assert changed["multicall"].aspects == (Aspect.ARGUMENTS,)
    assert changed["grant_table_op.cache_flush"].aspects == (Aspect.GUESTS,)
    assert changed["vcpu_op.initialise"].plan.removed
    # A change of the hypercall's own plan is not one of each sub-op's.
    assert "domctl.pausedomain" not in changed
    (struct,) = (s for s in found.structs if s.name == "xen_domctl_createdomain")
    assert (struct.old_size, struct.new_size) == (64, 68)
    assert {change.since for change in found.copy_paths} == {"4.18", "4.20", "4.21"}
    gone = [entry.title for entry in diff("4.21", "4.22").removed]
    assert {"xenoprof_op", "sysctl.get_cpu_levelling_caps"} <= set(gone)
    same = diff("4.20", "4.20")
    assert (same.added, same.removed, same.changed, same.structs, same.copy_paths) == ((),) * 5
    back = diff("4.21", "4.17")
    assert (back.removed, back.copy_paths) == (
        tuple(entry for entry in back.removed if entry.since), ()
    )  # fmt: skip
