"""Guest-physical memory as Xen sees it: RAM, P2M, encryption state, memory images."""

from __future__ import annotations
