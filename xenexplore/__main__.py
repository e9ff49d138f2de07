"""The ``xenexplore`` command, also as ``python -m xenexplore``."""

from __future__ import annotations

import signal
import sys

__all__ = ["command"]


def command() -> int:
    """Run the command line; Ctrl-C while modules are imported ends it without a traceback."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # main() puts it back
    from xenexplore.cli.main import main

    return main()


if __name__ == "__main__":
    sys.exit(command())
