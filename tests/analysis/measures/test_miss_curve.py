from __future__ import annotations

from collections import OrderedDict, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.analysis.measures.miss_curve import miss_curve
from xenexplore.analysis.measures.miss_curve_kernels import number_keys, reuse_histogram
from xenexplore.errors import MachineError


def lru(trace: list[int], capacity: int) -> int:
    held: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for key in trace:
        if key in held:
            held.move_to_end(key)
            continue
        misses += 1
        if len(held) == capacity:
            held.popitem(last=False)
        held[key] = None
    return misses


def fifo(trace: list[int], capacity: int) -> int:
    queue: deque[int] = deque()
    misses = 0
    for key in trace:
        if key not in queue:
            misses += 1
            if len(queue) == capacity:
                queue.popleft()
            queue.append(key)
    return misses


def refuse(trace: list[int], capacity: int) -> int:
    held: set[int] = set()
    misses = 0
    for key in trace:
        if key not in held:
            misses += 1
            if len(held) < capacity:
                held.add(key)
    return misses


NAIVE = {"lru": lru, "fifo": fifo, "refuse": refuse}
traces = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), max_size=80)


@pytest.mark.parametrize("scope", ["domain", "vcpu"])
@pytest.mark.parametrize("policy", NAIVE)
@given(trace=traces)
def test_every_capacity_is_what_a_table_of_that_size_misses(policy, scope, trace) -> None:
    keys = np.array([key * 4096 + 7 for key, _ in trace], np.uint64)
    vcpu = np.array([one for _, one in trace], np.int32)
    curve = miss_curve(keys, vcpu, policy=policy, scope=scope)
    for capacity, misses in zip(curve.capacity.tolist(), curve.misses.tolist(), strict=True):
        if scope == "domain":
            expected = NAIVE[policy](keys.tolist(), capacity)
        else:
            expected = sum(
                NAIVE[policy]([k for k, v in trace if v == one], capacity) for one in range(3)
            )
        assert misses == expected
    most = max((len(set(k)) for k in _traces(trace, scope)), default=0)
    assert curve.capacity.tolist() == list(range(1, max(most, 1) + 1))


def _traces(trace: list[tuple[int, int]], scope: str) -> list[list[int]]:
    if scope == "domain":
        return [[key for key, _ in trace]] if trace else []
    return [k for one in range(3) if (k := [key for key, v in trace if v == one])]


def test_long_traces_are_packed_and_stay_exact() -> None:
    """More accesses than the timeline has room for, several times over."""
    random = np.random.default_rng(6)
    keys = (random.zipf(1.3, 30_000) % 300).astype(np.int64)
    curve = miss_curve(keys)
    for capacity in (1, 2, 17, 100, len(curve.capacity)):
        assert curve.misses[capacity - 1] == lru(keys.tolist(), capacity)
    assert curve.misses[-1] == curve.keys == len(set(keys.tolist()))


def test_reuse_distances_by_hand() -> None:
    # a b a c b b: a after {b}: 1; b after {a, c}: 2; b at once: 0.
    assert reuse_histogram(np.array([0, 1, 0, 2, 1, 1]), 3).tolist() == [1, 1, 1]


@pytest.mark.parametrize("count", [1, 2047, 2048, 2049, 9000])
def test_keys_are_numbered_by_first_use(count: int) -> None:
    """More of them than the table of numbers begins with, among them 0 and the largest."""
    random = np.random.default_rng(count)
    keys = random.integers(0, 1 << 64, count, np.uint64)
    keys[0], keys[-1] = 0, (1 << 64) - 1
    trace = np.concatenate([keys, random.permutation(keys)])
    codes, found = number_keys(trace)
    numbers: dict[int, int] = {}
    expected = [numbers.setdefault(key, len(numbers)) for key in trace.tolist()]
    assert codes.tolist() == expected
    assert found == len(numbers)


def test_smallest_capacity_for_a_hit_rate() -> None:
    curve = miss_curve(np.array([1, 2] * 50))
    assert curve.misses.tolist() == [100, 2]
    assert curve.smallest(0.9) == 2
    assert curve.smallest(0.99) is None
    assert curve.ratio().tolist() == [1.0, 0.02]


def test_fifo_over_many_keys_is_simulated_at_some_capacities() -> None:
    keys = np.arange(5000) % 4500
    curve = miss_curve(keys, policy="fifo")
    assert len(curve.capacity) <= 64
    assert curve.capacity[[0, -1]].tolist() == [1, 4500]
    assert curve.misses[-1] == 4500


def test_nothing_is_a_trace_too() -> None:
    for policy in NAIVE:
        assert miss_curve(np.zeros(0, np.int64), policy=policy).misses.tolist() == [0]


def test_wrong_arguments() -> None:
    with pytest.raises(MachineError, match="expected lru, fifo or refuse"):
        miss_curve(np.zeros(1, np.int64), policy="random")
    with pytest.raises(MachineError, match="vCPU of each access"):
        miss_curve(np.zeros(1, np.int64), scope="vcpu")
