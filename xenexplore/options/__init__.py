"""The proposed designs, one file each, none importing another."""

from __future__ import annotations
