"""Registered buffers as a software TLB: entries, insert, purge, look-up, policies."""

from __future__ import annotations
