"""The scenario that the format's reference is read from: every table, every key."""

from __future__ import annotations

__all__ = ["EXAMPLE"]

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
