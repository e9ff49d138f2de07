"""A kernel is one class: a spec, a scenario and a domain know it by its name alone."""

from __future__ import annotations

from typing import ClassVar

import pytest
from scenario_texts import SEND

from xenexplore.errors import MachineError
from xenexplore.guest import kernel_names
from xenexplore.guest.domain import Domain
from xenexplore.guest.kernels import Kernel, layout
from xenexplore.guest.kernels.unikernel import Unikernel
from xenexplore.guest.spec import GuestSpec
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario

TEXT = SEND.replace("[[buffer]]", '[guest]\nkernel = "tiny"\n\n[[buffer]]', 1)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> type[Kernel]:
    """Mini-OS by another name and with other stacks, known for the length of a test."""
    monkeypatch.setattr(kernel_names, "_KNOWN", dict(kernel_names._KNOWN))
    monkeypatch.setattr(layout, "_KERNELS", dict(layout._KERNELS))

    class Tiny(Unikernel):
        name: ClassVar[str] = "tiny"
        title: ClassVar[str] = "a kernel of the test's own"
        stack_pages: ClassVar[int] = 2

    return Tiny


def test_a_domain_is_laid_out_by_it(tiny: type[Kernel]) -> None:
    domain = Domain(GuestSpec(kernel="tiny"))
    assert domain.stack_size == 2 * 4096
    assert domain.layout.name == tiny.title
    assert domain.place("b", "kmalloc", 8).contiguous


def test_it_has_the_layouts_that_it_says(tiny: type[Kernel]) -> None:
    with pytest.raises(MachineError, match=r"no PV kernel 'tiny'.*expected one of linux;"):
        GuestSpec(kernel="tiny", type="pv")
    with pytest.raises(MachineError, match="'tiny' has no five-level layout"):
        GuestSpec(kernel="tiny", la57=True)


def test_it_is_gone_again_afterwards() -> None:
    with pytest.raises(MachineError, match="no guest kernel 'tiny'"):
        GuestSpec(kernel="tiny")


def test_a_name_is_one_kernels(tiny: type[Kernel]) -> None:
    with pytest.raises(TypeError, match=r"kernel 'tiny': .*Tiny already has this name"):
        type("Other", (Unikernel,), {"name": "tiny"})


def test_a_scenario_names_it(tiny: type[Kernel]) -> None:
    trace = run(parse_scenario(TEXT), "linear-walk")
    assert trace.machine.spec.kernel == "tiny"
    assert trace.outcome.status == "right"
