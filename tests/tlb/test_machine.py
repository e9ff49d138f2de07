"""The software TLB against the naive model: random requests, every answer compared."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tlb.naive import NaiveTlb, Record

from xenexplore.addr import Gpa, Gva
from xenexplore.tlb import Entry, Rules, Tables

TOP = 1 << 64
# Windows where something happens: the bottom, 4 GiB, both ends of the
# canonical halves, and the top of the address space.
WINDOWS = (0, (1 << 32) - 0x2000, (1 << 47) - 0x2000, TOP - (1 << 47), TOP - 0x3000)
RAM = (range(0x8000), range(0xA000, 0x12000), range(TOP - 0x1000, TOP))
VCPUS = 2

offsets = st.one_of(
    st.integers(0, 24).map(lambda n: n * 0x200),
    st.sampled_from((0xFF0, 0xFF8, 0xFFF, 0x1001, 0x1FF0, 0x2FF0, 0x2FFF)),
)
sizes = st.one_of(
    st.sampled_from((1, 8, 16, 48, 0x200, 0x400)),
    st.sampled_from((0, 8, 48, 0x1000, 0x1001, 0x2000)),
)
spaces = st.sampled_from((None, None, 1, 2))
vcpus = st.integers(0, VCPUS - 1)
physical = st.one_of(
    st.integers(0, 0x120).map(lambda n: n * 0x100),
    st.sampled_from((0x7FF0, 0x11FFF, TOP - 0x1000, TOP - 0x200, TOP - 1)),
)


@st.composite
def ranges(draw):
    """(va, size): in a window, now and then ending at, just before or past the top."""
    va = min(TOP - 1, draw(st.sampled_from(WINDOWS)) + draw(offsets))
    size = draw(sizes)
    if va >= TOP - 0x2000 and draw(st.booleans()):
        size = TOP - va + draw(st.sampled_from((-1, 0, 1, 0x1000)))
    return va, size


def is_ram(gpa: Gpa, size: int) -> bool:
    return any(r.start <= gpa.value and gpa.value + size <= r.stop for r in RAM)


class RamBytes:
    def __contains__(self, byte):
        return any(byte in r for r in RAM)


class TlbMachine(RuleBasedStateMachine):
    tables: Tables

    @initialize(
        scope=st.sampled_from(("vcpu", "domain")),
        capacity=st.sampled_from((1, 2, 3, 5, None)),
        policy=st.sampled_from(("refuse", "lru", "fifo")),
        search=st.sampled_from(("scan", "sorted", "direct")),
        granularity=st.sampled_from((1, 1, 8, 4096)),
        bits=st.sampled_from((64, 64, 48, 32)),
        only_global=st.sampled_from((False, False, False, True)),
        with_ram=st.booleans(),
    )
    def boot(self, scope, capacity, policy, search, granularity, bits, only_global, with_ram):
        if search == "direct" and capacity is None:
            capacity = 4
        rules = Rules(granularity, bits, only_global, is_ram if with_ram else None)
        self.tables = Tables(
            VCPUS, scope=scope, capacity=capacity, policy=policy, search=search, rules=rules
        )
        count = VCPUS if scope == "vcpu" else 1
        self.models = [
            NaiveTlb(
                capacity,
                policy,
                search,
                granularity=granularity,
                bits=bits,
                only_global=only_global,
                ram=RamBytes() if with_ram else None,
            )
            for _ in range(count)
        ]

    def model(self, vcpu):
        return self.models[vcpu % len(self.models)]

    @rule(vcpu=vcpus, where=ranges(), pa=physical, is_global=st.booleans(), space=spaces)
    def insert(self, vcpu, where, pa, is_global, space):
        va, size = where
        step = self.tables.insert(vcpu, Entry(Gva(va), Gpa(pa), size, is_global, space))
        record = Record(va, pa, size, is_global, space)
        error, gone = self.model(vcpu).insert(record)
        assert step.result == error, step.say()
        assert bool(step.reason) == bool(error)
        assert step.slot == (None if error else record.slot)
        assert shown(step.replaced) == expected(gone)

    @precondition(lambda self: any(model.records for model in self.models))
    @rule(vcpu=vcpus, nth=st.integers(0, 9), shift=st.sampled_from((-8, 0, 8)), space=spaces)
    def insert_near_another(self, vcpu, nth, shift, space):
        """Beside or over an entry: the neighbours that overlap by a little, or just do not."""
        record = self.pick(vcpu, nth)
        if record is None:
            return
        va = record.va + record.size + shift
        if va < TOP:
            self.insert(vcpu, (va, min(max(record.size, 16), TOP - va)), 0xB000, False, space)

    @rule(vcpu=vcpus, where=ranges(), space=spaces)
    def purge(self, vcpu, where, space):
        va, size = where
        step = self.tables.purge(vcpu, Gva(va), size, space=space)
        error, gone = self.model(vcpu).purge(va, size, space)
        assert step.result == error, step.say()
        assert shown(step.removed) == expected(gone)

    @rule(vcpu=vcpus, nth=st.integers(0, 9), edge=st.sampled_from(("first", "last", "past")))
    def purge_one_byte(self, vcpu, nth, edge):
        """One byte of an entry takes all of it; the byte past its end takes none."""
        record = self.pick(vcpu, nth)
        if record is None:
            return
        last = record.va + record.size - 1
        va = {"first": record.va, "last": last, "past": last + 1}[edge]
        if va < TOP:
            self.purge(vcpu, (va, 1), None)

    @rule(vcpu=vcpus, space=spaces)
    def purge_space(self, vcpu, space):
        step = self.tables.purge_space(vcpu, space=space)
        assert shown(step.removed) == expected(self.model(vcpu).purge_space(space))

    @rule(vcpu=vcpus)
    def purge_all(self, vcpu):
        step = self.tables.purge_all(vcpu)
        assert shown(step.removed) == expected(self.model(vcpu).purge_all())

    @rule(
        asked=vcpus,
        subject=vcpus,
        where=ranges(),
        space=spaces,
        straddle=st.sampled_from(("redo", "miss")),
    )
    def lookup(self, asked, subject, where, space, straddle):
        va, size = where
        size = max(size, 1)
        model = self.model(asked)
        compares = model.compares(va, space)
        slot, gpa, covered = model.lookup(va, size, space, straddle)
        step = self.tables.lookup(
            Gva(va), size, asked=asked, subject=subject, space=space, straddle=straddle
        )
        assert (step.asked, step.subject) == (asked, subject)
        assert step.slot == slot, step.say()
        assert step.gpa == (None if gpa is None else Gpa(gpa))
        assert step.covered == covered
        assert step.compares == compares
        if slot is not None:
            assert step.entry.start.value <= va < step.entry.end

    @rule(
        asked=vcpus,
        nth=st.integers(0, 9),
        back=st.sampled_from((1, 8, 16, 0x400)),
        size=st.sampled_from((1, 8, 48)),
        space=spaces,
        straddle=st.sampled_from(("redo", "miss")),
    )
    def lookup_near_the_end(self, asked, nth, back, size, space, straddle):
        """An access that ends in, at, or past the end of an entry."""
        record = self.pick(asked, nth)
        if record is not None:
            va = max(0, record.va + record.size - back)
            self.lookup(asked, asked, (va, size), space, straddle)

    def pick(self, vcpu, nth):
        records = self.model(vcpu).records
        return records[nth % len(records)] if records else None

    @invariant()
    def same_entries(self):
        for vcpu in range(VCPUS):
            model = self.model(vcpu)
            by_slot = sorted(model.records, key=lambda record: record.slot)
            assert shown(self.tables.entries(vcpu)) == expected(by_slot)
            assert model.capacity is None or len(self.tables.table(vcpu)) <= model.capacity


def shown(slots):
    return [(s.slot, s.va.value, s.pa.value, s.size, s.is_global, s.space) for s in slots]


def expected(records):
    return [(r.slot, r.va, r.pa, r.size, r.is_global, r.space) for r in records]


TlbMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=25)
TestTlbMachine = TlbMachine.TestCase
