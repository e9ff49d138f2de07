"""Scenarios in mails: read out of a message, answered, followed through a thread."""

from __future__ import annotations
