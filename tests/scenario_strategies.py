"""Hypothesis strategies of scenarios."""

from __future__ import annotations

from hypothesis import strategies as st
from variants import every_variant

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.guest.kernel_names import kernel_names
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.spec import GuestSpec
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.paging.entries import ENTRY_BITS
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Expectation, Scenario
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.model.values import Reference
from xenexplore.scenario.text.loader import STATUSES

NAMES = ("a", "b-2", "c.x")
prose = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
titles = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)
blocks = prose.map(lambda text: text.strip("\n"))
names = st.sampled_from(NAMES)
numbers = st.integers(0, (1 << 64) - 1)
references = st.builds(Reference, names, st.integers(0, 4096))
values = st.one_of(numbers, references)
abouts = st.builds(
    About,
    name=st.from_regex(r"[a-z0-9][a-z0-9.-]{0,8}", fullmatch=True),
    title=titles,
    question=st.lists(prose, max_size=2).map(tuple),
    asked=blocks,
    ours=blocks,
    text=blocks,
)
guests = st.builds(
    GuestSpec,
    type=st.sampled_from(["pvh", "hvm"]),
    kernel=st.sampled_from([k for k in kernel_names() if k in ("linux", "no-directmap")]),
    memory=st.integers(48, 4096).map(lambda n: n << 21),
    vcpus=st.just(4),
    encryption=st.sampled_from(["none", "sev", "snp"]),
    p2m_order=st.sampled_from([0, 9, 18]),
    la57=st.booleans(),
    gib_pages=st.booleans(),
    smap=st.booleans(),
    seed=st.integers(0, 1 << 40),
)
reservations = st.fixed_dictionaries(
    {},
    optional={
        "extent_start": values,
        "nr_extents": numbers,
        "extent_order": st.integers(0, 63),
        "domid": st.integers(0, 0x7FFF),
    },
).map(lambda found: tuple(found.items()))
contents = st.one_of(
    st.just(Contents()),
    st.builds(
        Contents, struct=st.just("xen_memory_reservation"), fields=reservations,
        at=st.integers(0, 100),
    ),
    st.builds(
        Contents,
        struct=st.just("xen_pfn_t"),
        array=st.lists(values, min_size=1, max_size=20).map(tuple),
    ),
    st.builds(
        Contents,
        struct=st.just("multicall_entry"),
        array=st.lists(
            st.just((("op", 32), ("args[1]", Reference("a", 8)))), min_size=1, max_size=3
        ).map(tuple),
    ),
    st.builds(Contents, text=prose.filter(bool)),
    st.builds(Contents, data=st.binary(min_size=1, max_size=40)),
)  # fmt: skip


@st.composite
def buffers(draw, name):
    held = draw(contents)
    place = draw(st.sampled_from(sorted(set(KINDS) - {"fixed"})))
    least = max(held.size, 1)
    size = draw(st.integers(least, least + 9000))
    if held.size and draw(st.booleans()):
        size = None
    offset = draw(st.none() | st.integers(0, 4095))
    address = None if offset is not None else draw(st.none() | numbers.map(Gva))
    return BufferSpec(
        name=name,
        place=place,
        size=size,
        offset=offset,
        vcpu=draw(st.integers(0, 3)),
        process=draw(st.none() | prose),
        address=address,
        frames=draw(st.lists(st.integers(0, 1 << 30).map(Gfn), max_size=3).map(tuple)),
        shared=draw(st.none() | st.booleans()),
        writable=draw(st.booleans()),
        contents=held,
    )


vcpus = st.integers(0, 3)
points = st.sets(st.integers(1, 9), max_size=3).map(lambda found: tuple(sorted(found)))
whats = st.sampled_from(["directmap", "stack", *(f"buffer:{name}" for name in NAMES)])
addresses = st.integers(0, (1 << 64) - 1) | st.builds(Reference, names, st.integers(0, 1 << 20))
given_args = st.dictionaries(st.just("arg"), values).map(lambda d: tuple(d.items()))
sends = st.just("event_channel_op send")
actions = st.one_of(
    st.builds(
        records.CallAction, vcpu=vcpus, hypercall=sends, given=given_args, user=st.booleans(),
        cpl=st.integers(0, 3), preempt=points,
    ),
    st.builds(
        records.Multicall, vcpu=vcpus, list=names, preempt=points,
        entries=st.lists(
            st.builds(records.InnerCall, hypercall=sends, given=given_args), min_size=1, max_size=3
        ).map(tuple),
        outer=st.sampled_from(["as-option", "linear"]),
    ),
    st.builds(records.Switch, vcpu=vcpus, process=prose),
    st.builds(records.Remap, buffer=names, frames=st.just((Gfn(5),)) | st.just(())),
    st.builds(records.Protect, buffer=names, writable=st.booleans()),
    st.builds(records.SetP2mType, buffer=names, type=st.just("p2m_ram_ro")),
    st.builds(records.Share, buffer=names, shared=st.booleans()),
    st.builds(records.Register, vcpu=vcpus, what=whats),
    st.builds(records.Purge, vcpu=vcpus, what=whats | st.just("all")),
    st.builds(records.RegisterRunstate, vcpu=vcpus, subject=vcpus, buffer=names, argument=names),
    st.builds(records.UpdateRunstate, subject=vcpus),
    st.builds(records.Purge, vcpu=vcpus, address=addresses, size=st.integers(1, 1 << 40)),
    st.builds(
        records.Write, vcpu=vcpus, buffer=names,
        contents=contents.filter(lambda c: c.size and (not c.struct or c.fields or c.array)),
    ),
    st.builds(
        records.Write, gpa=st.integers(0, 1 << 40).map(Gpa),
        contents=st.builds(Contents, data=st.binary(min_size=1, max_size=9)),
    ),
    st.builds(
        records.SetEntry, vcpu=vcpus, process=prose, address=addresses, level=st.integers(1, 5),
        set_bits=st.lists(st.sampled_from(ENTRY_BITS), min_size=1, max_size=3).map(tuple),
        clear_bits=st.lists(st.sampled_from(ENTRY_BITS), max_size=3).map(tuple),
    ),
    st.builds(records.SetEntry, address=addresses, value=st.integers(0, (1 << 64) - 1)),
    st.builds(
        records.Insert, vcpu=vcpus, address=addresses, gpa=st.integers(0, 1 << 40).map(Gpa),
        size=st.integers(0, 1 << 40), is_global=st.booleans(), label=prose,
    ),
    st.builds(records.Lookup, vcpu=vcpus, address=addresses, size=st.integers(1, 1 << 40)),
)  # fmt: skip
options = st.lists(
    st.one_of(
        st.builds(variant, st.sampled_from(list(OPTIONS)), label=prose.filter(bool)),
        st.builds(
            variant, st.sampled_from(every_variant()), label=prose.filter(bool)
        ),
    ),
    max_size=4,
    unique_by=lambda option: option.label,
).map(tuple)  # fmt: skip


@st.composite
def scenarios(draw):
    chosen = draw(options)
    labels = [option.label for option in chosen] or list(OPTIONS)
    expects = st.builds(
        Expectation,
        options=st.lists(st.sampled_from(labels), max_size=2).map(tuple),
        status=st.sampled_from(STATUSES),
        result=st.none() | st.sampled_from([0, 2, 600, -14, -95, -22]),
        wrong_bytes=st.none() | st.integers(0, 99),
        hazards=st.none() | st.lists(prose, max_size=2).map(tuple),
        reason=st.none() | prose,
        counts=st.just(()) | st.just((("walks", 1), ("p2m_entry_reads", 24), ("flips", 0))),
    )
    return Scenario(
        about=draw(abouts),
        guest=draw(guests),
        buffers=tuple(draw(buffers(name)) for name in NAMES),
        actions=tuple(draw(st.lists(actions, max_size=5))),
        options=chosen,
        expects=tuple(draw(st.lists(expects, max_size=2))),
        notes=tuple(
            StepNote(at=at, option=draw(st.sampled_from(["", *labels])), text=draw(prose))
            for at in draw(st.lists(st.sampled_from(["start", "action 1, call 1"]), max_size=2))
        ),
    )
