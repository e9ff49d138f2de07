"""``python -m xenexplore``: the same as the ``xenexplore`` command."""

from __future__ import annotations

import sys

from xenexplore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
