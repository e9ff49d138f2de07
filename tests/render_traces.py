"""Paths for tests of the render room: of random trees, and of scenarios written here."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import strategies as st
from strategies import gfns, gpas, gvas, mfns

from xenexplore import steps as s
from xenexplore.addr import Range
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.outcome import outcome_of
from xenexplore.scenario.model.about import About
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import OptionView, Trace
from xenexplore.scenario.text.loader import parse_scenario

GUEST = """
name = "places"
title = "One buffer of each kind"
[guest]
type = "{type}"
vcpus = 2
seed = 7
[[buffer]]
name = "on-stack"
place = "stack"
size = 4
[[buffer]]
name = "big"
place = "vmalloc"
size = 9000
offset = 4000
[[buffer]]
name = "heap"
place = "kmalloc"
size = 20000
[[buffer]]
name = "static"
place = "static"
size = 48
[[buffer]]
name = "mine"
place = "user"
process = "first"
address = "0x7ffff0001000"
size = 48
[[buffer]]
name = "yours"
place = "user"
process = "second"
address = "0x7ffff0001000"
size = 48
[[action]]
do = "call"
hypercall = "event_channel_op send"
with = {{ arg = "@on-stack" }}
"""


@lru_cache
def placed(kind: str = "pvh", option: str = "linear-walk") -> Trace:
    """A real run with buffers of each kind."""
    return run(parse_scenario(GUEST.format(type=kind)), option)


def path_of(nodes: tuple[s.Node, ...], machine: GuestSnapshot | None = None) -> Trace:
    """A trace of any steps."""
    cite = s.mail("Somebody", "1 Jan 2022", "somebody@example.org")
    return Trace(
        about=About(name="random", title="Anything at all"),
        option=OptionView(
            ident="O7",
            name="software-tlb",
            label="random",
            title="A title",
            asked=cite,
            given=(("register", ("directmap", "stack")), ("global_only", True)),
            values=(("cross_vcpu", "current"),),
        ),
        machine=machine or placed().machine,
        steps=nodes,
        outcome=outcome_of(nodes),
    )


cites = st.builds(
    s.Cite,
    where=st.sampled_from(["xen/arch/x86/hvm/hvm.c", "Gro\u00df, 28 Sep 2022", "the scenario"]),
    what=st.sampled_from(["__hvm_copy", "<x@example.org>", ""]),
    version=st.sampled_from(["", "Xen 4.17"]),
)
vcpus = st.integers(0, 3)
sizes = st.one_of(st.integers(1, 64), st.integers(1, 1 << 40))
# Words, a word that no line can hold, characters that mail has not.
texts = st.one_of(
    st.sampled_from(["stack", "a role: what is asked", "x" * 90, "caf\u00e9 \u2026 \u4e2d", ""]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=120),
)
numbers = st.integers(0, (1 << 64) - 1)
errors = st.sampled_from([0, -14, -22, -28, -1000])
slots = st.builds(
    s.TlbSlot,
    slot=st.integers(0, 9),
    va=gvas(),
    pa=gpas(),
    size=sizes,
    is_global=st.booleans(),
    space=st.none() | numbers,
    label=texts,
)

_FIELDS: dict[type[s.Step], dict[str, st.SearchStrategy]] = {
    s.Action: {"name": texts, "vcpu": vcpus, "detail": texts},
    s.Hypercall: {
        "vcpu": vcpus,
        "name": texts,
        "number": numbers,
        "args": st.lists(numbers, max_size=5).map(tuple),
        "leg": st.integers(0, 2),
    },
    s.Phase: {
        "name": st.sampled_from(s.PhaseName),
        "who": st.just("guest"),
        "detail": texts,
    },
    s.Exit: {"vcpu": vcpus, "instruction": st.just("vmmcall")},
    s.Copy: {
        "direction": st.sampled_from(s.Direction),
        "handle": numbers,
        "size": sizes,
        "role": texts,
        "type": texts,
        "current": vcpus,
        "subject": vcpus,
    },
    s.CopyFailed: {"moved": sizes, "reported": sizes},
    s.Piece: {"handle": gvas().map(int), "size": sizes},
    s.ListRead: {
        "gpa": gpas(),
        "size": sizes,
        "element": st.integers(0, 600),
        "value": numbers,
        "meaning": st.sampled_from(s.ListWord),
    },
    s.Move: {
        "direction": st.sampled_from([s.Direction.FROM, s.Direction.TO]),
        "gpa": gpas(),
        "mfn": st.none() | mfns(),
        "size": sizes,
        "meant": st.none() | gpas(),
        "spoilt": st.sampled_from(s.Spoilt),
    },
    s.UncheckedAccess: {
        "va": gvas(),
        "size": sizes,
        "write": st.booleans(),
        "would_fail": texts,
        "flags_not_set": st.sampled_from(["", "A D"]),
    },
    s.Hazard: {"name": texts, "detail": texts},
    s.Refusal: {"reason": texts},
    s.RegisterPass: {
        "direction": st.sampled_from([s.Direction.FROM, s.Direction.TO]),
        "registers": st.lists(st.sampled_from(["rsi", "r8", "r12"]), max_size=7).map(tuple),
        "size": sizes,
        "role": texts,
    },
    s.Return: {"vcpu": vcpus, "value": errors, "name": st.sampled_from(["", "EFAULT"])},
    s.Note: {"text": texts},
    s.Flip: {"gfn": gfns(), "shared": st.booleans()},
    s.GuestCopy: {"source": gvas(), "target": gvas(), "size": sizes, "inbound": st.booleans()},
    s.GuestTranslate: {
        "va": gvas(),
        "gpa": st.none() | gpas(),
        "how": st.sampled_from(s.Translation),
    },
    s.GuestWrite: {"gpa": gpas(), "size": sizes, "what": texts},
    s.TlbLookup: {
        "asked": vcpus,
        "subject": vcpus,
        "shared": st.booleans(),
        "va": gvas(),
        "size": sizes,
        "space": st.none() | numbers,
        "compares": st.integers(0, 99),
        "slot": st.none() | st.integers(0, 9),
        "entry": st.none() | gvas(40).map(lambda va: Range(va.page, 64)),
        "entry_pa": st.none() | gpas(),
        "label": texts,
        "gpa": st.none() | gpas(),
        "covered": sizes,
    },
    s.TlbInsert: {
        "vcpu": vcpus,
        "shared": st.booleans(),
        "va": gvas(),
        "pa": gpas(),
        "size": sizes,
        "is_global": st.booleans(),
        "space": st.none() | numbers,
        "label": texts,
        "slot": st.none() | st.integers(0, 9),
        "replaced": st.lists(slots, max_size=2).map(tuple),
        "result": errors,
        "reason": texts,
    },
    s.TlbPurge: {
        "vcpu": vcpus,
        "shared": st.booleans(),
        "scope": st.sampled_from(s.PurgeScope),
        "va": st.none() | gvas(),
        "size": st.none() | sizes,
        "space": st.none() | numbers,
        "removed": st.lists(slots, max_size=2).map(tuple),
        "result": errors,
        "reason": texts,
    },
    s.WalkCacheLookup: {
        "cache": st.sampled_from(s.WalkCacheKind),
        "vcpu": vcpus,
        "va": gvas(),
        "write": st.booleans(),
        "slot": st.integers(0, 12),
        "slots": st.just(13),
        "held": st.none() | gvas().map(lambda va: va.page),
        "held_write": st.booleans(),
        "gfn": st.none() | gfns(),
    },
    s.WalkCacheInsert: {
        "cache": st.sampled_from(s.WalkCacheKind),
        "vcpu": vcpus,
        "page": gvas().map(lambda va: va.page),
        "gfn": gfns(),
        "write": st.booleans(),
        "slot": st.integers(0, 12),
        "replaced": st.none() | gvas().map(lambda va: va.page),
    },
    s.WalkCacheFlush: {
        "cache": st.sampled_from(s.WalkCacheKind),
        "vcpu": vcpus,
        "cause": st.sampled_from(s.FlushCause),
        "removed": st.lists(gvas().map(lambda va: va.page), min_size=1, max_size=3).map(tuple),
    },
    s.PteRead: {
        "level": st.integers(1, 5),
        "table": gpas().map(lambda gpa: gpa.page),
        "index": st.integers(0, 511),
        "entry_at": gpas(),
        "entry": numbers,
        "flags": st.sampled_from(["-", "P RW A", "P RW US PWT PCD A D PS PAT G NX PK=15 C"]),
    },
    s.PteUpdate: {
        "level": st.integers(1, 5),
        "entry_at": gpas(),
        "before": st.sampled_from([1, 0x21]),
        "after": st.sampled_from([0x21, 0x61]),
    },
    s.P2mLookup: {
        "gfn": gfns(),
        "mfn": st.none() | mfns(),
        "p2m_type": st.sampled_from(["p2m_ram_rw", "p2m_mmio_direct"]),
        "order": st.sampled_from([0, 9, 18]),
        "entry_reads": st.integers(0, 4),
        "purpose": st.sampled_from(s.Purpose),
        "level": st.none() | st.integers(1, 5),
        "root": st.booleans(),
    },
    s.Check: {"name": texts, "passed": st.booleans(), "detail": texts},
    s.Fault: {
        "what": st.sampled_from(s.FaultKind),
        "linear": st.none() | gvas(),
        "error_code": st.none() | st.integers(0, 31),
        "level": st.none() | st.integers(1, 5),
        "reason": texts,
    },
}

KINDS: tuple[type[s.Step], ...] = tuple(_FIELDS)
any_step: st.SearchStrategy[s.Step] = st.one_of(
    *(st.builds(kind, cite=cites, **fields) for kind, fields in _FIELDS.items())
)


@st.composite
def trees(draw: st.DrawFn, most: int = 25) -> tuple[s.Node, ...]:
    """Steps of any kind, nested anyhow, some of them repeated."""
    found = draw(st.lists(any_step, min_size=1, max_size=most))
    if draw(st.booleans()):
        found = [*found, *found[: draw(st.integers(1, 4))] * draw(st.integers(2, 6))]
    nodes: list[s.Node] = []
    around: list[int] = []
    for index, step in enumerate(found):
        deeper = draw(st.integers(-2, 1)) if nodes else 0
        if deeper == 1:
            around.append(index - 1)
        elif deeper < 0:
            del around[max(0, len(around) + deeper) :]
        parent = around[-1] if around else -1
        nodes.append(s.Node(index, parent, len(around), step))
    return tuple(nodes)


def spec(**values: object) -> GuestSpec:
    """A small guest."""
    return GuestSpec(memory=96 << 20, **values)  # type: ignore[arg-type]
