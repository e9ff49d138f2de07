"""An exercise as the reader has it: a session to work in, hints, and a check."""

from __future__ import annotations

from typing import Any

from xenexplore.display import Shown
from xenexplore.errors import MachineError
from xenexplore.session.guest import Guest
from xenexplore.session.tabbed import tabbed
from xenexplore.session.xen import Xen
from xenexplore.teaching.task import JudgedAnswer, Task

__all__ = ["AnswerVerdict", "Exercise", "ExerciseList"]


class AnswerVerdict(Shown):
    """Verdict on an answer; true if it is right.

    Attributes:
        judged: whether it is right, and why.
    """

    __slots__ = ("judged",)

    def __init__(self, judged: JudgedAnswer) -> None:
        self.judged = judged

    @property
    def ok(self) -> bool:
        """Whether the answer is right."""
        return self.judged.ok

    def __bool__(self) -> bool:
        return self.judged.ok

    def __repr__(self) -> str:
        return f"<{'Right' if self.ok else 'Not yet'}: {self.judged.says}>"


class Exercise(Shown):
    """One exercise: read it, work with :attr:`guest` and :attr:`xen`, then :meth:`check`.

    Attributes:
        task: its words and its judge.
        guest: the guest.
        xen: Xen under it; where another design is the answer, set it to the new one.

    >>> from xenexplore.teaching import exercise
    >>> e = exercise("find-the-frame")
    >>> e.check(0)
    <Not yet: frame 0x0 is not behind the first byte of 'send'>
    >>> e.check(e.xen.guest.buffers["send"].frames[0]).ok
    True
    """

    xen: Xen

    def __init__(self, task: Task) -> None:
        self.task = task
        self._hinted = 0
        self.xen = task.begin()

    def __setattr__(self, name: str, value: object) -> None:
        if name == "xen" and not isinstance(value, Xen):
            raise MachineError(f"{value!r} is not a session: expected xe.Xen(guest, design=...)")
        super().__setattr__(name, value)

    @tabbed
    def guest(self) -> Guest:
        """The guest that :attr:`xen` runs."""
        return self.xen.guest

    def check(self, answer: Any = None) -> AnswerVerdict:
        """Judge an answer, or the session as it is now.

        Args:
            answer: the value that is asked for, if one is.

        Raises:
            MachineError: a value is asked for and none is given, or the other way round, or
                the value is text.
        """
        if (answer is None) != (not self.task.answer) or isinstance(answer, str):
            wanted = self.task.answer or "no value: the session itself is the answer"
            got = f", not the text {answer!r}" if isinstance(answer, str) else ""
            raise MachineError(f"check() of {self.task.name!r} takes {wanted}{got}")
        return AnswerVerdict(self.task.judge(self.xen, answer))

    def hint(self) -> str:
        """The next hint; after the last one, that one again."""
        self._hinted = min(self._hinted + 1, len(self.task.hints))
        return self.task.hints[self._hinted - 1]

    def reset(self) -> None:
        """Begin again."""
        self._hinted = 0
        self.xen = self.task.begin()

    @property
    def solution(self) -> str:
        """Python that solves it, given ``guest`` and ``xen`` of this exercise."""
        return self.task.solution

    def __repr__(self) -> str:
        return f"<Exercise {self.task.name}: {self.task.title}>"


class ExerciseList(tuple[Task, ...], Shown):
    """The exercises, in the order in which they are best done."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<Exercises: {', '.join(task.name for task in self)}>"
