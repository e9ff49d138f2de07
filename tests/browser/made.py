"""Paths for the browser's tests: built-in ones, and a long, a straddling, a private one."""

from __future__ import annotations

from functools import cache

from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.loader import parse_scenario

_SEND = """
[[action]]
do = "call"
vcpu = {vcpu}
hypercall = "event_channel_op send"
with = {{ arg = "@send" }}
"""


def _scenario(name: str, guest: str, buffers: str, actions: str, use: str) -> str:
    return f"""
name = "{name}"
title = "{name}: </script><b id='planted'>not markup</b>"
text = "A scenario of the tests."
[guest]
{guest}
{buffers}
{actions}
[[option]]
{use}
"""


_BUFFER = """
[[buffer]]
name = "send"
place = "stack"
struct = "evtchn_send"
fields = { port = 5 }
"""


@cache
def stack_send() -> Trace:
    """A buffer on the stack, one registration over the directmap: searched, missed, walked."""
    return run(load_builtin("evtchn-send-from-stack"), "giant-map")


@cache
def wrong_vcpu() -> Trace:
    """vCPU 0's table is asked about vCPU 1's area: 48 bytes in the wrong frame."""
    return run(load_builtin("wrong-vcpu"), "software-tlb")


@cache
def options() -> Comparison:
    return compare(load_builtin("evtchn-send-from-stack"))


@cache
def many_sends() -> Trace:
    """Long enough for several checkpoints of the folded state."""
    actions = "".join(_SEND.format(vcpu=0) for _ in range(70))
    text = _scenario("many", "vcpus = 1", _BUFFER, actions, 'use = "giant-map"')
    return run(parse_scenario(text))


@cache
def longest() -> Trace:
    """Some 60,000 steps; for the benchmark, too slow to make in a test."""
    actions = "".join(_SEND.format(vcpu=0) for _ in range(3000))
    return run(
        parse_scenario(_scenario("longest", "vcpus = 1", _BUFFER, actions, 'use = "giant-map"'))
    )


@cache
def private() -> Trace:
    """An encrypted guest with bounce pages: some frames shared, all others private."""
    text = _scenario(
        "private", 'encryption = "sev"', _BUFFER, _SEND.format(vcpu=0), 'use = "bounce"'
    )
    return run(parse_scenario(text))


@cache
def straddling() -> Trace:
    """48 bytes over two pages: two pieces, two walks."""
    buffers = """
[[buffer]]
name = "area"
place = "vmalloc"
size = 48
offset = 4080
[[buffer]]
name = "argument"
place = "stack"
size = 8
"""
    action = """
[[action]]
do = "register-runstate"
vcpu = 0
subject = 0
buffer = "area"
argument = "argument"
"""
    return run(
        parse_scenario(_scenario("straddle", "vcpus = 1", buffers, action, 'use = "linear-walk"'))
    )
