"""Scenarios in mails: extracted from a message, answered, followed through a thread."""

from __future__ import annotations
