"""The order of entry against a naive machine of several CPUs."""

from __future__ import annotations

import random

import pytest

from xenexplore.recording.format.entry_order import EntryOrder
from xenexplore.recording.format.record_lines import BadLine


def run(chance: random.Random, cpus: int, calls: int) -> list[tuple[int, int]]:
    """Hypercalls of a made machine, in order of ending: (CPU, order of entry)."""
    running: dict[int, int] = {}
    ended: list[tuple[int, int]] = []
    entered = 0
    while len(ended) < calls:
        idle = [cpu for cpu in range(cpus) if cpu not in running and entered < calls]
        if idle and (not running or chance.random() < 0.5):
            running[chance.choice(idle)] = entered
            entered += 1
        else:
            cpu = chance.choice(sorted(running))
            ended.append((cpu, running.pop(cpu)))
    return ended


@pytest.mark.parametrize("seed", range(50))
def test_what_a_machine_can_do_is_in_order(seed):
    chance = random.Random(seed)
    cpus = chance.randint(1, 5)
    ended = run(chance, cpus, chance.randint(1, 60))
    order = EntryOrder(cpus)
    while ended:
        part = ended[: chance.randint(1, 9)]
        del ended[: len(part)]
        order = order.then([cpu for cpu, _ in part], [at for _, at in part])
    assert not order.ahead


@pytest.mark.parametrize("seed", range(50))
def test_a_number_twice_or_too_many_missing_is_refused(seed):
    chance = random.Random(seed)
    cpus = chance.randint(1, 4)
    ended = run(chance, cpus, 40)
    # One more is missing than other CPUs can still be working on.
    lost = [one for one in ended if one[1] % 7 < cpus]
    kept = [one for one in ended if one not in lost]
    with pytest.raises(BadLine, match=r"order of entry|lost"):
        EntryOrder(cpus).then(*map(list, zip(*kept, strict=True)))
    twice = [*ended, (cpus, chance.randrange(40))]
    with pytest.raises(BadLine, match="no other hypercall"):
        EntryOrder(cpus).then(*map(list, zip(*twice, strict=True)))


def test_state_is_carried_over_and_not_changed():
    first = EntryOrder(2)
    second = first.then([0], [1])
    assert (first.due, second.due, second.ahead) == (0, 0, frozenset({1}))
    assert second.then([1], [0]).due == 2
    with pytest.raises(BadLine, match="more than 1"):
        second.then([0], [0])
