"""What became runs instead of reasons: 32-bit registers, the mapping budget, old code, no #VC."""

from __future__ import annotations

import errno

import pytest

from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.catalogue.entries import families
from xenexplore.hypervisor.registered import MAP_AREA_PAGES, ranges_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.fastabi import fits
from xenexplore.options.registry import OPTIONS, make_option
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.steps import Check, Exit, GuestTranslate, Hypercall, TlbInsert

SEND = """
name = "one-send"
title = "One send"
[guest]
encryption = "ENCRYPTION"
[[buffer]]
name = "send"
place = "kmalloc"
struct = "evtchn_send"
fields = { port = 1 }
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@send" }
"""


def test_a_32_bit_caller_fits_less() -> None:
    kinds = [(family, op) for family in families() for op in family.ops.values() or (None,)]
    wide = [kind for kind in kinds if not fits(*kind)]
    narrow = [kind for kind in kinds if not fits(*kind, bits=32)]
    assert set(map(str, narrow)) < set(map(str, wide))


def held(option: str, **spec: object) -> tuple[Xen, list[TlbInsert]]:
    xen = Xen(Domain(GuestSpec(**spec)), make_option(option, {"keep_mapped": True}))  # type: ignore[arg-type]
    xen.design.setup(xen)
    return xen, [node.step for node in xen.nodes if isinstance(node.step, TlbInsert)]


def test_a_range_with_a_hole_cannot_be_kept_mapped() -> None:
    _, (refused,) = held("giant-map", memory=8 << 30)
    assert refused.result == -errno.EINVAL
    assert "are not RAM" in refused.reason
    _, (taken,) = held("giant-map")
    assert taken.result == 0


def test_the_map_area_is_used_up_and_given_back() -> None:
    vcpus, run_of_pages = 22, (3 << 30 >> 12) + 1
    xen, steps = held("giant-map", memory=3 << 30, vcpus=vcpus)
    fit = MAP_AREA_PAGES // run_of_pages
    assert [step.result for step in steps] == [0] * fit + [-errno.ENOMEM] * (vcpus - fit)
    assert xen.design.tlb is not None
    (entry,) = ranges_of(xen, "directmap", fit)
    assert xen.design.tlb.insert(xen, fit, entry).result == -errno.ENOMEM
    xen.design.tlb.purge_all(xen, 0)
    assert xen.design.tlb.insert(xen, fit, entry).result == 0


@pytest.mark.parametrize("option", [name for name, kind in OPTIONS.items() if kind.specified])
def test_old_code_makes_todays_call(option: str) -> None:
    text = SEND.replace("ENCRYPTION", "none") + "converted = false\n"
    steps = [node.step for node in run(parse_scenario(text), option).steps]
    (call,) = [step for step in steps if isinstance(step, Hypercall)]
    assert call.number == 32
    assert not any(isinstance(step, GuestTranslate) for step in steps)


@pytest.mark.parametrize(
    ("encryption", "handler", "exits"),
    [
        ("none", False, ["vmmcall"]),
        ("sev", False, ["vmmcall"]),
        ("snp", False, []),
        ("snp", True, ["vmgexit"]),
    ],
)
def test_what_leaves_the_guest(encryption: str, handler: bool, exits: list[str]) -> None:
    text = SEND.replace("ENCRYPTION", encryption) + f"vc_handler = {str(handler).lower()}\n"
    steps = [node.step for node in run(parse_scenario(text), "fastabi").steps]
    assert [step.instruction for step in steps if isinstance(step, Exit)] == exits
    assert all(step.passed for step in steps if isinstance(step, Check)) == bool(exits)
