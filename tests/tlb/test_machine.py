"""The software TLB against the naive model: random requests, every answer compared."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tlb.naive import NaiveTlb, Record

from xenexplore.addr import Gpa, Gva
from xenexplore.tlb import InsertRules, TlbEntry, TlbTables

TOP = 1 << 64
# Windows where something happens: the bottom, 4 GiB, both ends of the
# canonical halves, and the top of the address space.
WINDOWS = (0, (1 << 32) - 0x2000, (1 << 47) - 0x2000, TOP - (1 << 47), TOP - 0x4000)
HOMES = {32: WINDOWS[0], 48: WINDOWS[3], 64: WINDOWS[4]}
RAM = (range(0x8000), range(0xA000, 0x12000), range(TOP - 0x1000, TOP))
VCPUS = 2

spaces = st.sampled_from((None, None, None, 1, 2))
vcpus = st.integers(0, VCPUS - 1)
nths = st.integers(0, 9)
straddles = st.sampled_from(("redo", "miss"))
sizes = st.sampled_from((0, 1, 8, 16, 48, 0x200, 0x1000, 0x1001, 0x2000))
physical = st.one_of(
    st.integers(0, 0x120).map(lambda n: n * 0x100),
    st.sampled_from((0x7FF0, 0x11FFF, TOP - 0x1000, TOP - 0x200, TOP - 1)),
)
wild_offsets = st.one_of(
    st.integers(0, 32).map(lambda n: n * 0x200),
    st.sampled_from((0xFF0, 0xFF8, 0xFFF, 0x1001, 0x1FF0, 0x2FF0, 0x2FFF)),
)


home_entries = st.fixed_dictionaries(
    {
        "vcpu": vcpus,
        "start": st.integers(0, 15),
        "units": st.integers(1, 3),
        "pa_units": st.integers(0, 31),
        "space": spaces,
        "is_global": st.booleans(),
    }
)


@st.composite
def wild_ranges(draw):
    """(va, size) in any window; now and then ending at, just before or past the top."""
    va = min(TOP - 1, draw(st.sampled_from(WINDOWS)) + draw(wild_offsets))
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
    tables: TlbTables

    @initialize(
        scope=st.sampled_from(("vcpu", "domain")),
        capacity=st.sampled_from((1, 2, 3, 5, None)),
        policy=st.sampled_from(("refuse", "lru", "fifo")),
        search=st.sampled_from(("scan", "sorted", "direct")),
        granularity=st.sampled_from((1, 1, 1, 8, 4096)),
        bits=st.sampled_from((64, 64, 64, 48, 32)),
        only_global=st.sampled_from((False, False, False, True)),
        with_ram=st.booleans(),
        entries=st.lists(home_entries, min_size=3, max_size=6),
    )
    def boot(
        self, scope, capacity, policy, search, granularity, bits, only_global, with_ram, entries
    ):
        if search == "direct" and capacity is None:
            capacity = 4
        rules = InsertRules(granularity, bits, only_global, is_ram if with_ram else None)
        self.tables = TlbTables(
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
        for entry in entries:
            self.insert_valid(**entry)

    def model(self, vcpu):
        return self.models[vcpu % len(self.models)]

    def pick(self, vcpu, nth):
        records = self.model(vcpu).records
        return records[nth % len(records)] if records else None

    @rule(entry=home_entries)
    def insert_at_home(self, entry):
        self.insert_valid(**entry)

    def insert_valid(self, vcpu, start, units, pa_units, space, is_global):
        """A sound range where the others are; only its frames may be no RAM."""
        model = self.model(vcpu)
        unit = max(model.granularity, 0x200)
        va = HOMES[model.bits] + (start * unit) % 0x4000
        pa = 0x6000 + (pa_units * unit) % 0x8000
        size = min(units * unit, TOP - va)
        self.insert(vcpu, (va, size), pa, is_global or model.only_global, space)

    @rule(vcpu=vcpus, where=wild_ranges(), pa=physical, is_global=st.booleans(), space=spaces)
    def insert(self, vcpu, where, pa, is_global, space):
        va, size = where
        step = self.tables.insert(vcpu, TlbEntry(Gva(va), Gpa(pa), size, is_global, space))
        record = Record(va, pa, size, is_global, space)
        error, gone = self.model(vcpu).insert(record)
        assert step.result == error, step.say()
        assert bool(step.reason) == bool(error)
        assert step.slot == (None if error else record.slot)
        assert shown(step.replaced) == expected(gone)

    @rule(vcpu=vcpus, nth=nths, shift=st.sampled_from((-8, -1, 0, 1)), space=spaces)
    def insert_beside(self, vcpu, nth, shift, space):
        """Just over, at, or just past the end of an entry."""
        record = self.pick(vcpu, nth)
        if record is None:
            return
        va = max(0, record.va + record.size + shift)
        if va < TOP:
            size = min(16, TOP - va)
            self.insert(vcpu, (va, size), 0xB000, self.model(vcpu).only_global, space)

    @rule(vcpu=vcpus, where=wild_ranges(), space=spaces)
    def purge(self, vcpu, where, space):
        va, size = where
        step = self.tables.purge(vcpu, Gva(va), size, space=space)
        error, gone = self.model(vcpu).purge(va, size, space)
        assert step.result == error, step.say()
        assert shown(step.removed) == expected(gone)

    @rule(vcpu=vcpus, start=st.integers(0, 31), units=st.integers(1, 8), space=spaces)
    def purge_at_home(self, vcpu, start, units, space):
        """A range that lies across entries as it falls; nothing asks a purge to be aligned."""
        va = HOMES[self.model(vcpu).bits] + start * 0x200 + 0x100
        self.purge(vcpu, (va, min(units * 0x200, TOP - va)), space)

    @rule(vcpu=vcpus, nth=nths, edge=st.sampled_from(("first", "last", "past")))
    def purge_one_byte(self, vcpu, nth, edge):
        """One byte of an entry takes all of it; the byte past its end takes none."""
        record = self.pick(vcpu, nth)
        if record is None:
            return
        last = record.va + record.size - 1
        va = {"first": record.va, "last": last, "past": last + 1}[edge]
        if va < TOP:
            self.purge(vcpu, (va, 1), None)

    @precondition(lambda self: sum(len(model.records) for model in self.models) > 2)
    @rule(vcpu=vcpus, space=spaces, everything=st.booleans())
    def purge_many(self, vcpu, space, everything):
        if everything:
            step = self.tables.purge_all(vcpu)
            assert shown(step.removed) == expected(self.model(vcpu).purge_all())
        else:
            step = self.tables.purge_space(vcpu, space=space)
            assert shown(step.removed) == expected(self.model(vcpu).purge_space(space))

    @rule(
        asked=vcpus,
        subject=vcpus,
        where=wild_ranges(),
        space=spaces,
        straddle=straddles,
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
        vcpu=vcpus,
        nth=nths,
        back=st.sampled_from((0, 1, 8, 16, 0x200)),
        size=st.sampled_from((1, 8, 48)),
        space=spaces,
        straddle=straddles,
    )
    def lookup_near_the_end(self, vcpu, nth, back, size, space, straddle):
        """An access that ends in an entry, outgrows it, or begins where it ends."""
        record = self.pick(vcpu, nth)
        if record is not None:
            va = min(max(0, record.va + record.size - back), TOP - 1)
            self.lookup(vcpu, vcpu, (va, size), space, straddle)

    @rule(vcpu=vcpus, nth=nths, before=st.integers(0, 1), tagged=st.booleans(), straddle=straddles)
    def lookup_from_the_start(self, vcpu, nth, before, tagged, straddle):
        """All of an entry, or all of it and the byte before it."""
        record = self.pick(vcpu, nth)
        if record is not None:
            va = max(0, record.va - before)
            space = record.space if tagged else None
            self.lookup(vcpu, vcpu, (va, record.size + before), space, straddle)

    @rule(entry=home_entries)
    def use_the_oldest_then_insert(self, entry):
        """What must go when the table is full: under lru not the one just used."""
        vcpu = entry["vcpu"]
        oldest = self.pick(vcpu, 0)
        if oldest is not None:
            self.lookup(vcpu, vcpu, (oldest.va, 1), oldest.space, "redo")
        self.insert_at_home(entry)

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


TlbMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=25)
TestTlbMachine = TlbMachine.TestCase
