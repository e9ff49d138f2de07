"""Exercises as text of 72 columns."""

from __future__ import annotations

import textwrap

from xenexplore.teaching.attempt import AnswerVerdict, Exercise, ExerciseList

__all__ = ["exercise_text", "exercises_text", "verdict_text"]

_WIDTH = 72


def exercise_text(exercise: Exercise) -> str:
    """Title, question, and how to go on."""
    task = exercise.task
    lines = [f"{task.name}: {task.title}", ""]
    lines += textwrap.wrap(task.asks, _WIDTH)
    check = "e.check(...)" if task.answer else "e.check()"
    lines += ["", f"guest, xen = e.guest, e.xen; e.hint() for a hint, {check} to check"]
    return "".join(f"{line}\n" for line in lines)


def exercises_text(found: ExerciseList) -> str:
    """One line for each."""
    width = max(len(task.name) for task in found)
    return "".join(f"{task.name:{width}}  {task.title}\n" for task in found)


def verdict_text(verdict: AnswerVerdict) -> str:
    """Right or not yet, and why."""
    says = f"{'Right' if verdict.ok else 'Not yet'}: {verdict.judged.says}."
    return "".join(f"{line}\n" for line in textwrap.wrap(says, _WIDTH))
