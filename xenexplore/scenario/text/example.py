"""A scenario with every key of every table: what the format's reference is read from."""

from __future__ import annotations

__all__ = ["ACTIONS", "EXAMPLE"]

EXAMPLE = """\
name = "every-key"
title = "A scenario that uses every table and action"
question = ["Q1"]
asked = "name, date, Message-ID"
ours = "that it is an example"
text = "Prose."

[guest]
type = "pvh"
kernel = "linux"
memory = "768M"
vcpus = 2
encryption = "none"
p2m = "4K"
la57 = false
gib_pages = true
smap = true
seed = 1

[xen]
version = "4.17"

[[buffer]]
name = "op"
place = "kmalloc"
struct = "evtchn_send"
fields = { port = 5 }
size = 64
at = 0
offset = 128
vcpu = 0
shared = true
writable = true

[[buffer]]
name = "list"
place = "percpu"
size = 512

[[buffer]]
name = "frames"
place = "vmalloc"
struct = "xen_pfn_t"
array = ["0x1000", "0x1001"]

[[buffer]]
name = "line"
place = "user"
process = "console"
text = "hello"

[[buffer]]
name = "raw"
place = "fixed"
bytes = "00 01"
address = "0xffffc90000613b2c"
frames = ["0x6bf7"]

[[action]]
do = "call"
hypercall = "event_channel_op send"
with = { arg = "@op" }
vcpu = 0
user = false
cpl = 0
preempt = [1]
purge_between = "all"

[[action]]
do = "multicall"
list = "list"
entries = [
  { hypercall = "event_channel_op send", with = { arg = "@op" } },
]
outer = "as-option"
inner = "linear"

[[option]]
use = "software-tlb"
label = "registered"
register = ["directmap"]

[[expect]]
option = "registered"
status = "right"
result = 0
right_bytes = 4
wrong_bytes = 0
lost_checks = 0
hazards = ["stale entry"]
reason = "why"
counts = { exits = 1 }
setup = { exits = 1 }
"""
"""A text with every key of every table, and the two actions that have the most."""

# The least that each other action needs.
ACTIONS: dict[str, dict[str, object]] = {
    "switch": {"process": "console"},
    "remap": {"buffer": "op", "frames": ["0x6bf7"]},
    "unmap": {"buffer": "op"},
    "protect": {"buffer": "op"},
    "p2m": {"buffer": "op", "type": "p2m_ram_ro"},
    "share": {"buffer": "op"},
    "register": {"what": "directmap"},
    "purge": {"what": "all"},
    "register-runstate": {"subject": 1, "buffer": "list", "argument": "op"},
    "update-runstate": {"subject": 1},
    "hypercall-page": {"buffer": "list", "hypercall": "event_channel_op send"},
    "migrate": {"hypercall": "event_channel_op send", "offset": 0},
    "compat-call": {"buffer": "op"},
}
