"""A hypercall as Xen executes it: what decides its result before any copy, and after a fault."""

from __future__ import annotations

import errno

import pytest

from xenexplore.errors import ScenarioError
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.steps import Copy, CopyFailed, Exit, Note, Return

SCENARIO = """
name = "case"
title = "A case"
[guest]
type = "{type}"
vcpus = 2
{buffers}
[[action]]
do = "{do}"
{action}
[[option]]
use = "linear-walk"
"""


def made(do: str, action: str, buffers: str = "", guest: str = "pvh"):
    text = SCENARIO.format(type=guest, buffers=buffers, do=do, action=action)
    return run(parse_scenario(text, "case.toml"))


PIRQ = """
[[buffer]]
name = "map"
place = "kmalloc"
struct = "physdev_map_pirq"
fields = { domid = "DOMID_SELF", type = 1, index = 16, pirq = -1 }
"""
MAP = 'hypercall = "physdev_op map_pirq"\nwith = { arg = "@map" }'


def test_a_pvh_guest_has_no_pirqs() -> None:
    """hvm_physdev_op(), xen/arch/x86/hvm/hypercall.c: has_pirq() before any copy."""
    trace = made("call", MAP, PIRQ)
    assert (trace.outcome.result, trace.outcome.calls.copies) == (-errno.ENOSYS, 0)
    trace = made("call", MAP, PIRQ, "hvm")
    assert (trace.outcome.result, trace.outcome.calls.copies) == (0, 2)


AREA = """
[[buffer]]
name = "area"
place = "kmalloc"
struct = "vcpu_register_time_memory_area"
fields = {{ "addr.p" = "{at}" }}
"""


@pytest.mark.parametrize("vcpu", [0, 1])
def test_a_secondary_time_area_that_faults_is_no_error(vcpu: int) -> None:
    """update_secondary_system_time(), xen/arch/x86/time.c: the fault ends the update alone."""
    action = 'hypercall = "vcpu_op register_vcpu_time_memory_area"\n'
    action += f'with = {{ vcpuid = {vcpu}, arg = "@area" }}'
    trace = made("call", action, AREA.format(at="0xffffc90000005000"))
    assert trace.outcome.result == 0
    copies = [node.step for node in trace.steps if isinstance(node.step, Copy)]
    assert [(copy.size, copy.subject) for copy in copies] == [(8, 0), (4, vcpu)]
    assert sum(isinstance(node.step, CopyFailed) for node in trace.steps) == 1


def test_what_the_catalogue_does_not_know_is_no_answer() -> None:
    with pytest.raises(ScenarioError, match="no copy plan"):
        made(
            "call",
            'hypercall = "sysctl coverage_op"\nwith = { u_sysctl = "@op" }',
            """
[[buffer]]
name = "op"
place = "kmalloc"
struct = "xen_sysctl"
fields = { cmd = 20, interface_version = 21 }
""",
        )


RESERVATION = """
[[buffer]]
name = "res"
place = "kmalloc"
size = 20
"""


def test_a_32_bit_caller_s_handle_has_32_bits() -> None:
    """hvm_hypercall() passes ebx and ecx on: a struct above 4 GiB cannot be named."""
    trace = made("compat-call", 'buffer = "res"', RESERVATION)
    (copy,) = (node.step for node in trace.steps if isinstance(node.step, Copy))
    assert copy.handle < 1 << 32
    assert (trace.outcome.status, trace.outcome.result) == ("error", 0)
    assert any(isinstance(node.step, Note) and "32 bits" in node.step.text for node in trace.steps)


def test_a_64_bit_pv_guest_makes_no_32_bit_calls() -> None:
    """pv_hypercall(), xen/arch/x86/pv/hypercall.c: is_pv_32bit_vcpu() picks the table."""
    with pytest.raises(ScenarioError, match="no 32-bit hypercalls"):
        made("compat-call", 'buffer = "res"', RESERVATION, "pv")


@pytest.mark.parametrize(("guest", "instruction"), [("pv", "syscall"), ("pvh", "vmmcall")])
def test_how_a_guest_leaves(guest: str, instruction: str) -> None:
    trace = made("call", 'hypercall = "xen_version version"', guest=guest)
    exits = {node.step.instruction for node in trace.steps if isinstance(node.step, Exit)}
    assert exits == {instruction}


def test_a_result_that_is_not_modelled_is_zero_and_says_so() -> None:
    trace = made("call", 'hypercall = "memory_op maximum_ram_page"')
    assert trace.outcome.result == 0
    (last,) = (node.step for node in trace.steps if isinstance(node.step, Return))
    assert (last.value, last.name) == (0, "")
    assert last.what == "in place of the highest machine frame, which is not modelled"
