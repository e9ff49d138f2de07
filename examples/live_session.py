"""A session at the prompt: register a buffer, move it, see the stale entry, mail the session."""

from __future__ import annotations

import xenexplore as xe

guest = xe.Guest("linux", memory="768 MiB", vcpus=2)
send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
print(send.text())

xen = xe.Xen(guest, design="software-tlb", entries=8, policy="lru")
print(xen.tlb[0].register(send).text())
call = xen.hypercall("event_channel_op send", arg=send)
print(call, "", sep="\n")

guest.remap(send)  # the guest moves the page; Xen is not told
send.port = 7
print(guest.walk(send).text())
print(xen.tlb[0].text())
print(xen.hypercall("event_channel_op send", arg=send), "", sep="\n")

xen.tlb[0].purge(send)
print(xen.hypercall("event_channel_op send", arg=send), "", sep="\n")

session = xen.scenario(name="moved-stack", title="The stack moves under a registered buffer")
print(session.text())
assert xe.run(session).to_json() == xen.trace.to_json()
