from __future__ import annotations

import json

import pytest

from xenexplore.addr import Gpa, Gva, Range
from xenexplore.steps import Cite, PurgeScope, TlbInsert, TlbLookup, TlbPurge, TlbSlot

CITE = Cite("somewhere")
RING = TlbSlot(2, Gva(0x1000), Gpa(0x9000), 64, False, None, "ring")
BARE = TlbSlot(0, Gva(0x3000), Gpa(0), 1, True, 5, "")


def lookup(**changes):
    fields = {
        "asked": 0,
        "subject": 0,
        "shared": False,
        "va": Gva(0x1010),
        "size": 48,
        "space": None,
        "compares": 3,
        "slot": 2,
        "entry": Range(Gva(0x1000), 64),
        "entry_pa": Gpa(0x9000),
        "label": "ring",
        "gpa": Gpa(0x9010),
        "covered": 48,
    }
    return TlbLookup(cite=CITE, **fields | changes)


MISS = {
    "slot": None,
    "entry": None,
    "entry_pa": None,
    "label": "",
    "gpa": None,
    "covered": 0,
}


def insert(**changes):
    fields = {
        "vcpu": 1,
        "shared": False,
        "va": Gva(0x1000),
        "pa": Gpa(0x9000),
        "size": 64,
        "is_global": False,
        "space": None,
        "label": "ring",
        "slot": 2,
        "replaced": (),
        "result": 0,
        "reason": "",
    }
    return TlbInsert(cite=CITE, **fields | changes)


def purge(**changes):
    fields = {
        "vcpu": 1,
        "shared": False,
        "scope": PurgeScope.RANGE,
        "va": Gva(0x1000),
        "size": 1,
        "space": None,
        "removed": (RING,),
        "result": 0,
        "reason": "",
    }
    return TlbPurge(cite=CITE, **fields | changes)


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            lookup(),
            (
                "Xen looks 0x1010 (48 bytes) up in vCPU 0's table: hit in slot 2 (ring), "
                "guest-physical 0x9010, after 3 compares."
            ),
        ),
        (
            lookup(asked=0, subject=1, compares=1, label=""),
            (
                "Xen looks 0x1010 (48 bytes) up in vCPU 0's table, although the access is for vCPU "
                "1: hit in slot 2, guest-physical 0x9010, after 1 compare."
            ),
        ),
        (
            lookup(size=60, va=Gva(0x1010)),
            (
                "Xen looks 0x1010 (60 bytes) up in vCPU 0's table: hit in slot 2 (ring), "
                "guest-physical 0x9010 for the first 48, after 3 compares."
            ),
        ),
        (
            lookup(size=60, gpa=None, shared=True),
            (
                "Xen looks 0x1010 (60 bytes) up in the domain's shared table: "
                "slot 2 (ring) covers only 48 of them, which is a miss, after 3 compares."
            ),
        ),
        (
            lookup(size=1, compares=0, **MISS),
            "Xen looks 0x1010 (1 byte) up in vCPU 0's table: miss after 0 compares.",
        ),
        (
            insert(),
            "Xen registers 64 bytes at 0x1000 (ring) as 0x9000 in slot 2 of vCPU 1's table.",
        ),
        (
            insert(label="", shared=True, replaced=(BARE, RING)),
            (
                "Xen registers 64 bytes at 0x1000 as 0x9000 in slot 2 of "
                "the domain's shared table, replacing slot 0, slot 2 (ring)."
            ),
        ),
        (
            insert(slot=None, size=0, result=-22, reason="the range is empty"),
            (
                "Xen rejects the registration of 0 bytes at 0x1000 (ring) as 0x9000 in vCPU 1's "
                "table (-EINVAL): the range is empty."
            ),
        ),
        (
            insert(slot=None, result=-28, reason="the table is full"),
            (
                "Xen rejects the registration of 64 bytes at 0x1000 (ring) as 0x9000 in vCPU 1's "
                "table (-ENOSPC): the table is full."
            ),
        ),
        (purge(), "Xen purges 1 byte at 0x1000 from vCPU 1's table: slot 2 (ring) removed."),
        (
            purge(removed=(), space=0x2000),
            (
                "Xen purges 1 byte at 0x1000 of address space 0x2000 from vCPU 1's table: "
                "nothing removed."
            ),
        ),
        (
            purge(scope=PurgeScope.SPACE, va=None, size=None, space=5, removed=(BARE,)),
            (
                "Xen purges the non-global entries of address space 0x5 from vCPU 1's table: "
                "slot 0 removed."
            ),
        ),
        (
            purge(scope=PurgeScope.ALL, va=None, size=None, shared=True, removed=(BARE, RING)),
            "Xen purges all entries from the domain's shared table: slot 0, slot 2 (ring) removed.",
        ),
        (
            purge(size=0, removed=(), result=-3, reason="no such thing"),
            (
                "Xen rejects the purge of 0 bytes at 0x1000 from vCPU 1's table (-ESRCH): "
                "no such thing."
            ),
        ),
    ],
)
def test_the_sentence(step, sentence):
    assert step.say() == sentence


@pytest.mark.parametrize(
    ("step", "hit", "whole"),
    [
        (lookup(), True, True),
        (lookup(size=60), True, False),
        (lookup(size=60, gpa=None), False, False),
        (lookup(**MISS), False, False),
    ],
)
def test_hit_and_whole(step, hit, whole):
    assert (step.hit, step.whole) == (hit, whole)


def test_json():
    record = lookup().as_json()
    assert (record["kind"], record["va"], record["gpa"]) == ("tlb-lookup", "0x1010", "0x9010")
    assert record["entry"] == {"start": "0x1000", "size": 64}
    assert json.loads(json.dumps(record)) == record
    gone = json.loads(json.dumps(purge().as_json()))["removed"]
    assert gone == [
        {
            "slot": 2,
            "va": "0x1000",
            "pa": "0x9000",
            "size": 64,
            "is_global": False,
            "space": None,
            "label": "ring",
        }
    ]
