"""What the guest owns: kernel address-space layouts and where each kind of buffer lives."""

from __future__ import annotations
