"""``xenexplore report``: what a recording says about the designs, as one page."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from xenexplore.analysis.findings import find
from xenexplore.analysis.measures.cost import read_costs
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of
from xenexplore.render.text.recorded.report import report_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``report``."""
    add_workload_arguments(parser)
    parser.add_argument("--costs", metavar="FILE", help="a cost table (TOML) of your own")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--html", metavar="FILE", help="also write the report with its figures")
    parser.add_argument("--figures", metavar="DIR", help="also write each figure as SVG")


def run(args: argparse.Namespace) -> int:
    """Read, compute, print."""
    costs = read_costs(args.costs)
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
                (folder / f"{figure.name}.svg").write_text(figure.svg, "utf-8", newline="\n")
        if args.html:
            Path(args.html).write_text(report_html(findings, figures), "utf-8", newline="\n")
    if args.json:
        from xenexplore.analysis.findings_json import findings_json

        sys.stdout.write(json.dumps(findings_json(findings)) + "\n")
    else:
        sys.stdout.write(report_text(findings))
    return 0
