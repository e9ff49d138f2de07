"""Mails as text: what they hold, threads, answers."""

from __future__ import annotations
