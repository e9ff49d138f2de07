"""``xenexplore site``: a static site that steps through every scenario in a browser."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.diagnostics import tell
from xenexplore.cli.printing import TEXT_SIZE, add_max_size, add_printing, print_record, writing
from xenexplore.cli.workload_options import progress_on
from xenexplore.errors import InputError
from xenexplore.site.build import build_site
from xenexplore.site.engine import engine_files, fetch_engine

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "-o", "--output", metavar="DIR", required=True,
        help="output folder: new, empty, or an earlier site, which is replaced",
    )  # fmt: skip
    parser.add_argument(
        "--scenario", metavar="FILE", action="extend", nargs="+", default=[],
        help="scenarios of your own, in addition to the built-ins",
    )  # fmt: skip
    parser.add_argument(
        "--no-live", action="store_true",
        help="omit the part that runs edited scenarios in the browser (7 MB compressed, fetched by "
        "npm; omitted with a warning if the npm registry cannot be reached)",
    )  # fmt: skip
    add_printing(parser, "the files written")
    add_max_size(parser, TEXT_SIZE)


def run(args: argparse.Namespace) -> int:
    """Build the site."""
    engine = None if args.no_live else _engine()
    with writing(args.output):
        size = build_site(
            args.output, scenarios=args.scenario, limit=args.max_size, engine=engine,
            progress=progress_on(sys.stderr) or _line,
        )  # fmt: skip
    if args.json:
        print_record(
            "site",
            {"folder": args.output, "files": size.files, "bytes": size.size, "runs": size.runs,
             "live_bytes": size.live}
        )  # fmt: skip
    else:
        print(
            f"{args.output}: {size.runs} runs, {size.files} files, {size.size / 1e6:.1f} MB; "
            f"to view it: python3 -m http.server -d {args.output}"
        )
    return 0


def _engine() -> dict[str, bytes] | None:
    """The live half; where the registry cannot be reached, a warning says so and it is left out."""
    try:
        tarball = fetch_engine()
    except InputError as error:
        tell(f"xenexplore: THE SITE WILL NOT RUN EDITED SCENARIOS: {error}")
        return None
    return engine_files(tarball)


def _line(done: int, total: int, what: str) -> None:
    """Progress where no terminal shows a bar."""
    tell(f"{done}/{total} {what}")
