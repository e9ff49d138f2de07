"""Texts that use every key of the scenario format: what the loader is asked about."""

from __future__ import annotations

__all__ = ["DUMPED_GUEST", "EXAMPLE", "GUEST_WORDS", "LEAST_ACTIONS"]

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
pti = false
paging = "hap"
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

[[note]]
at = "action 2, call 1, copy 1 + 3"
option = "registered"
text = "no entry covers it"
"""
"""A text with every key of every table, and the two actions that have the most."""

# A guest that is a memory image, with every key of such a one.
DUMPED_GUEST: dict[str, object] = {
    "image": "core.elf",
    "cr3": "0x1000",
    "first_vcpu": 0,
    "registers": "registers.txt",
    "raw": False,
    "mode": "4",
    "c_bit": 47,
    "pkru": 0x55555554,
    "maxphyaddr": 48,
    "directmap": "0xffff888000000000",
    "spare": "0xffff888003a00000",
    "spare_pages": 16,
}
GUEST_WORDS = (
    "The guest; at most one. It is built, or it is a memory image (image, and the keys after it). "
    "With an image, the only other keys are type, vcpus and p2m, and buffers are given by address "
    '(place "fixed").'
)
# The least that each other action needs.
LEAST_ACTIONS: dict[str, dict[str, object]] = {
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
    "setup": {},
    "place": {"name": "later", "place": "vmalloc", "size": 64},
    "write": {"buffer": "op", "struct": "evtchn_send", "fields": {"port": 7}},
    "entry": {"address": "@op", "level": 1, "set_bits": ["US"], "clear_bits": ["RW"]},
    "insert": {"address": "@op", "gpa": "0x6bf7b2c", "size": 4},
    "lookup": {"address": "@op", "size": 4},
}
