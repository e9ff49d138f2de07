"""Exercises at the prompt, with answers that check themselves."""

from __future__ import annotations

from xenexplore.teaching.attempt import AnswerVerdict, Exercise, ExerciseList
from xenexplore.teaching.registry import TASKS, exercise, exercises

__all__ = ["TASKS", "AnswerVerdict", "Exercise", "ExerciseList", "exercise", "exercises"]
