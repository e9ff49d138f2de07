"""Texts of a site's data, put together again by the site's own script."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from node import node

__all__ = ["unpacked"]

_TOGETHER = """
import { readFileSync } from "node:fs";
const { script, shared, texts } = JSON.parse(readFileSync(0, "utf8"));
const { textOf } = await import(`data:text/javascript,${encodeURIComponent(script)}`);
console.log(JSON.stringify(texts.map((packed) => textOf(shared, packed))));
"""


def unpacked(shared: Mapping[str, Any], texts: Sequence[Any]) -> list[str]:
    """What ``assets/texts.js`` makes of them, in Node.js.

    Args:
        shared: shapes and columns of a pool, and whatever else its file holds.
        texts: as :meth:`xenexplore.site.pool.TextPool.add` gives them.
    """
    script = (resources.files("xenexplore.site") / "assets" / "texts.js").read_text("utf-8")
    given = json.dumps({"script": script, "shared": dict(shared), "texts": list(texts)})
    done = subprocess.run(
        [node(), "--input-type=module", "-e", _TOGETHER],
        input=given.encode(), capture_output=True, check=True,
    )  # fmt: skip
    found: list[str] = json.loads(done.stdout)
    return found
