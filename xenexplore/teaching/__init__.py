"""Exercises at the prompt, with answers that check themselves."""

from __future__ import annotations

from xenexplore.teaching.attempt import Exercise, ExerciseList, Verdict
from xenexplore.teaching.registry import TASKS, exercise, exercises

__all__ = ["TASKS", "Exercise", "ExerciseList", "Verdict", "exercise", "exercises"]
