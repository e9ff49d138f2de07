"""Objects at the prompt: a guest, its buffers, and Xen under a design, as one live session."""

from __future__ import annotations
