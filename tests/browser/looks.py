"""Pictures as references: the mean brightness of blocks, written once and compared since."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

__all__ = ["SHARE", "USUAL", "blocks", "differing", "hold", "kept"]

KEPT = Path(__file__).resolve().parents[1] / "golden" / "browser" / "looks.json"
BLOCK = 32
#: Blocks may differ by this much of 255 ...
DEPTH = 12
#: ... in at most this share of them.
SHARE = 0.03

USUAL = {
    "media": "screen", "color_scheme": "light", "contrast": "no-preference",
    "forced_colors": "none",
}  # fmt: skip


def blocks(png: bytes) -> NDArray[np.uint8]:
    """Mean brightness of each block, 0 to 255."""
    pixels = np.asarray(imread(io.BytesIO(png)), np.float64)[:, :, :3].mean(axis=2)
    high, wide = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    cut = pixels[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK)
    return np.asarray(np.round(cut.mean(axis=(1, 3)) * 255), np.uint8)


def differing(one: NDArray[np.uint8], kept: list[str]) -> float:
    """The share of blocks that are not as they were."""
    other = np.array([list(bytes.fromhex(line)) for line in kept], np.uint8)
    if one.shape != other.shape:
        return 1.0
    return float((np.abs(one.astype(int) - other.astype(int)) > DEPTH).mean())


def kept() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


def hold(looks: dict[str, NDArray[np.uint8]]) -> None:
    """Compare pictures with their references; or write these, where that was asked for."""
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        written = {name: [bytes(line).hex() for line in look] for name, look in looks.items()}
        others = kept() if KEPT.exists() else {}
        both = dict(sorted({**others, **written}.items()))
        KEPT.write_text(json.dumps(both, indent=0) + "\n", encoding="utf-8")
    shares = {name: differing(look, kept()[name]) for name, look in looks.items()}
    assert {name: share for name, share in shares.items() if share > SHARE} == {}
