from __future__ import annotations

import numpy as np
import pytest

from xenexplore.analysis.measures.miss_curve import miss_curve
from xenexplore.analysis.measures.register_coverage import fast_coverage
from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import AccessVerdict
from xenexplore.analysis.workload.synthetic import Assumptions, synthetic
from xenexplore.errors import MachineError

SMALL = Assumptions(calls=5000, vcpus=8, tasks=200, devices=4)


def test_the_same_assumptions_give_the_same_workload() -> None:
    one, two = synthetic(SMALL), synthetic(SMALL)
    assert one.accesses.equal(two.accesses)
    assert one.calls.equal(two.calls)
    assert not one.recorded
    assert any("tasks=200" in word for word in one.limits)


def test_calls_copy_what_the_handlers_copy() -> None:
    load = synthetic(SMALL)
    sizes = {}
    for number, sub_op in set(
        zip(load.calls.number.tolist(), load.calls.sub_op.tolist(), strict=True)
    ):
        chosen = (load.calls.number == number) & (load.calls.sub_op == sub_op)
        mine = chosen[load.accesses.call]
        per_call = np.bincount(load.accesses.call[mine])
        sizes[number, sub_op] = (
            sorted(set(load.accesses.size[mine].tolist())), int(per_call.max())
        )  # fmt: skip
    assert sizes == {
        (32, 4): ([4], 1),
        (24, 8): ([16], 1),
        (20, 0): ([32], 2 * SMALL.map_array),
        (20, 5): ([2, 40], 2 * SMALL.copy_array),
    }
    names = {op.name for op in fast_coverage(load, 0).ops}
    assert names == {"event_channel_op.send", "vcpu_op.set_singleshot_timer",
                     "grant_table_op.map_grant_ref", "grant_table_op.copy"}  # fmt: skip


def test_arrays_stay_on_their_stack_and_in_their_queue() -> None:
    load = synthetic(SMALL)
    stack = load.accesses.stack
    last = load.accesses.address + load.accesses.size.astype(np.uint64) - np.uint64(1)
    on_stack = stack != 0
    assert (last[on_stack] >> np.uint64(14) << np.uint64(14) == stack[on_stack]).all()
    queues = ~on_stack & (load.accesses.way == 0)
    # 64 elements of 40 bytes from a page's start stay in it; 512 straddle four times.
    assert load.accesses.pages()[queues].max() == 1
    assert (load.accesses.address[queues] % np.uint64(4096)).max() == 63 * 40
    large = synthetic(Assumptions(calls=300, vcpus=2, tasks=9, devices=1, copy_array=512,
                                  send=0.0, timer=0.0, network=1.0)).accesses  # fmt: skip
    first = (large.call == 0) & (large.way == 0)
    assert first.sum() == 512
    assert (large.pages()[first] == 2).sum() == 4


def test_per_vcpu_tables_need_more_entries_in_all_than_a_shared_one() -> None:
    load = synthetic(SMALL)
    page, vcpu = load.accesses.page(), load.calls.vcpu[load.accesses.call]
    shared = miss_curve(page, policy="lru")
    own = miss_curve(page, vcpu, policy="lru", scope="vcpu")
    # Migrating tasks are registered once more on each vCPU.
    assert own.keys > shared.keys
    assert own.misses[-1] > shared.misses[-1]
    # But eight small tables hold more than one of that size.
    assert own.misses[1] < shared.misses[1]


def test_the_directmap_serves_nothing_there() -> None:
    load = synthetic(SMALL)
    assert replay(load, design("giant-map+image"), 0).share(AccessVerdict.HIT) == 0
    got = replay(load, design("linear-walk"), 0)
    assert got.share(AccessVerdict.WALK) == 1


def test_each_vcpu_registers_for_itself() -> None:
    load = synthetic(SMALL)
    one = replay(load, design("giant-map:scope=domain"), 0)
    own = replay(load, design("giant-map"), 0)
    assert (one.entries, one.setup.tlb_inserts) == (1, 1)
    assert (own.entries, own.setup.tlb_inserts, own.setup.exits) == (1, 8, 8)


@pytest.mark.parametrize(
    "wrong",
    [{"calls": 0}, {"send": 0.8, "timer": 0.3}, {"stay": 0.5}, {"migrate": 2.0},
     {"map_array": 1000}, {"task_skew": -1.0}],
)  # fmt: skip
def test_impossible_assumptions(wrong: dict) -> None:
    with pytest.raises(MachineError):
        Assumptions(**wrong)
