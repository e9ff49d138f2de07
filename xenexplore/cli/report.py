"""``xenexplore report``: findings of a recording about the designs, as one page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xenexplore.analysis.findings import find
from xenexplore.analysis.measures.cost import GUESSED, CostTable, read_costs
from xenexplore.cli.printing import add_printing, print_record, print_text, writing
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of
from xenexplore.errors import InputError
from xenexplore.render.text.recorded.report import report_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``report``."""
    add_workload_arguments(parser, optional=True)
    parser.add_argument(
        "--all", action="store_true", help="report on every recording in the package"
    )
    parser.add_argument(
        "--mail", action="store_true", help="with --all: claims and evidence as a mail to post"
    )
    parser.add_argument(
        "--costs", metavar="FILE",
        help=f"a cost table (TOML) of your own, or {GUESSED}; default: counted instructions",
    )  # fmt: skip
    add_printing(parser, "one object")
    parser.add_argument("--html", metavar="FILE", help="also write the report with its figures")
    parser.add_argument("--figures", metavar="DIR", help="also write each figure as SVG")


def run(args: argparse.Namespace) -> int:
    """Read, compute, print."""
    _check(args)
    costs = read_costs(args.costs) if args.costs else None
    if args.all:
        return _all(args, costs)
    workload = read_it(args)
    findings = find(workload, costs, shape=shape_of(args), progress=progress_on(sys.stderr))
    if args.figures or args.html:
        from xenexplore.render.plots.figures import figures_of
        from xenexplore.render.plots.report_page import report_html

        figures = figures_of(findings)
        if args.figures:
            folder = Path(args.figures)
            folder.mkdir(parents=True, exist_ok=True)
            for figure in figures:
                path = folder / f"{figure.name}.svg"
                with writing(path):
                    path.write_text(figure.svg(), "utf-8", newline="\n")
        if args.html:
            page = report_html(findings, figures)
            with writing(args.html):
                Path(args.html).write_text(page, "utf-8", newline="\n")
    if args.json:
        from xenexplore.analysis.findings_json import findings_json

        print_record("report", findings_json(findings))
    else:
        print_text(report_text(findings), args)
    return 0


def _check(args: argparse.Namespace) -> None:
    """One recording, or all of them as a mail."""
    got = ""
    if args.all and not args.mail:
        got = "--all without --mail"
    elif args.mail and not args.all:
        got = "--mail without --all"
    elif args.all and (args.recording or args.json or args.html or args.figures or args.symbols):
        got = "--all with a recording, --json, --html, --figures or --symbols"
    elif not args.all and not args.recording:
        got = "neither"
    if got:
        raise InputError("report", "", expected="RECORDING, or --all --mail", got=got)


def _all(args: argparse.Namespace, costs: CostTable | None) -> int:
    from xenexplore.analysis.every_recording import findings_of_all
    from xenexplore.render.text.recorded.findings_mail import findings_mail

    found = findings_of_all(costs, shape=shape_of(args), progress=progress_on(sys.stderr))
    print_text(findings_mail(found), args)
    return 0
