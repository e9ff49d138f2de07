"""Scenario texts for tests."""

from __future__ import annotations

from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.loader import parse_scenario

SEND = """
name = "send"
title = "One event, sent from a kernel stack"

[[buffer]]
name = "op"
place = "stack"
struct = "evtchn_send"
fields = { port = 5 }

[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@op" }
"""

NESTED = """
name = "nested"
title = "A struct with a handle inside, over two pages"

[[buffer]]
name = "extents"
place = "vmalloc"
offset = 4080
struct = "xen_pfn_t"
array = [1, 2, 3, 4]

[[buffer]]
name = "reservation"
place = "kmalloc"
struct = "xen_memory_reservation"
fields.extent_start = "@extents"
fields.nr_extents = 4
fields.domid = "DOMID_SELF"

[[action]]
do = "call"
hypercall = "memory_op populate_physmap"
with = { arg = "@reservation" }
"""

EVERYTHING = """
name = "everything"
title = "Each action once"
question = ["Q1", "Q2"]
asked = "nobody"
ours = "all of it"
text = \"\"\"
First line.
Second "line", with a \\\\ in it.
\"\"\"

[guest]
vcpus = 2
seed = 7

[[buffer]]
name = "op"
place = "stack"
struct = "evtchn_send"
fields = { port = 5 }

[[buffer]]
name = "page"
place = "vmalloc"
size = 4096

[[buffer]]
name = "area"
place = "percpu"
vcpu = 1
size = 48

[[buffer]]
name = "argument"
place = "stack"
size = 8

[[buffer]]
name = "list"
place = "kmalloc"
size = 128

[[buffer]]
name = "note"
place = "static"
text = "hello"

[[buffer]]
name = "raw"
place = "module"
bytes = "00ff10"
size = 8

[[action]]
do = "register"
what = "buffer:page"

[[action]]
do = "register"
vcpu = 1
what = "stack"

[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@op" }

[[action]]
do = "multicall"
list = "list"
entries = [
    { hypercall = "event_channel_op send", with = { arg = "@op" } },
    { hypercall = "vcpu_op get_runstate_info", with = { vcpuid = 1, arg = "@page+64" } },
]
inner = "linear"
preempt = [1]

[[action]]
do = "remap"
buffer = "page"

[[action]]
do = "purge"
what = "buffer:page"

[[action]]
do = "purge"
vcpu = 1
what = "all"

[[action]]
do = "protect"
buffer = "page"

[[action]]
do = "protect"
buffer = "page"
writable = true

[[action]]
do = "p2m"
buffer = "page"
type = "p2m_ram_logdirty"

[[action]]
do = "register-runstate"
subject = 1
buffer = "area"
argument = "argument"

[[action]]
do = "update-runstate"
subject = 1

[[action]]
do = "update-runstate"
subject = 0

[[action]]
do = "switch"
vcpu = 1
process = "other"

[[action]]
do = "unmap"
buffer = "page"

[[action]]
do = "place"
name = "later"
place = "vmalloc"
struct = "evtchn_send"
fields = { port = 5 }

[[action]]
do = "write"
buffer = "later"
struct = "evtchn_send"
fields = { port = 7 }

[[action]]
do = "write"
gpa = "0x3000000"
bytes = "0102"

[[action]]
do = "entry"
address = "@later"
set_bits = ["US"]
clear_bits = ["NX"]

[[action]]
do = "insert"
address = "@later+4096"
gpa = "0x3000000"
size = 16

[[action]]
do = "lookup"
address = "@later"
size = 4

[[action]]
do = "purge"
address = "0xffffc90004000000"
size = 4096

[[option]]
use = "linear-walk"

[[option]]
use = "software-tlb"
label = "per vCPU"
register = ["directmap", "stack"]
entries = 32

[[option]]
use = "phys-twins"

[[expect]]
status = "right"
hazards = []

[[expect]]
option = ["linear-walk", "phys-twins"]
result = 0
counts = { exits = 4 }
"""


def example(text: str, **more: str) -> Scenario:
    """A scenario from its text; ``more`` adds tables at the end."""
    return parse_scenario(text + "".join(more.values()), "example.toml")
