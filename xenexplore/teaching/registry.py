"""Every exercise, by name, in the order in which they are best done."""

from __future__ import annotations

from types import MappingProxyType

from xenexplore.guest.spec import no_such
from xenexplore.teaching import designs, registered, translation
from xenexplore.teaching.attempt import Exercise, ExerciseList

__all__ = ["TASKS", "exercise", "exercises"]

TASKS = MappingProxyType(
    {task.name: task for room in (translation, registered, designs) for task in room.TASKS}
)
"""Name to exercise."""


def exercise(name: str) -> Exercise:
    """Begin an exercise.

    Args:
        name: one of :func:`exercises`.

    Raises:
        MachineError: there is none of that name.

    >>> exercise("stale-entry")
    <Exercise stale-entry: Repair a stale entry>
    """
    if name not in TASKS:
        raise no_such("exercise", name, TASKS)
    return Exercise(TASKS[name])


def exercises() -> ExerciseList:
    """Every exercise, in the order in which they are best done.

    >>> len(exercises()) >= 8
    True
    """
    return ExerciseList(TASKS.values())
