"""``xenexplore walk``: the translation of a linear address, with every table on the way."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.cli.documents import as_line
from xenexplore.cli.image_options import add_image_arguments, error_json, target_of
from xenexplore.cli.printing import print_text
from xenexplore.cli.walk_json import walk_json
from xenexplore.errors import AddressError, ImageError
from xenexplore.paging.access import Access
from xenexplore.paging.image_target import ImageTarget
from xenexplore.paging.walk_record import Walk
from xenexplore.render.text.image import target_text
from xenexplore.render.text.table import paragraph
from xenexplore.render.text.walk import walk_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "addresses", metavar="ADDRESS", nargs="+", help="linear address, in hexadecimal"
    )
    what = parser.add_argument_group(
        "access",
        "Rights are checked for the access given, under the vCPU's CR0.WP, SMEP, SMAP and"
        " EFLAGS.AC; without one of these options the address is only translated.",
    )
    kind = what.add_mutually_exclusive_group()
    kind.add_argument("--read", action="store_true", help="a read")
    kind.add_argument("--write", action="store_true", help="a write")
    kind.add_argument("--fetch", action="store_true", help="an instruction fetch")
    what.add_argument("--user", action="store_true", help="in user mode (default: supervisor mode)")


@dataclass(frozen=True, slots=True)
class _Answer:
    """One address's answer: a walk, an error, or a walk that an error cut off.

    Attributes:
        asked: the address as given.
        walk: the walk, as far as it came; None if there was none.
        error: why there is none, or why it stopped inside the image's gap.
    """

    asked: str
    walk: Walk | None
    error: ImageError | AddressError | None


def run(args: argparse.Namespace) -> int:
    """Walk every address and print the walks. A page fault is a result, not an error.

    Returns:
        0, or 1 where the image or some of the answers are incomplete.

    Raises:
        AddressError: no address could be walked, and the first is none of this mode.
        ImageError: no address could be walked for what the image lacks; with
            ``--strict``, one could not.
    """
    target = target_of(args)
    access = None
    if args.read or args.write or args.fetch or args.user:
        access = Access(write=args.write, fetch=args.fetch, user=args.user)
    answers = [_answer(target, text, access) for text in args.addresses]
    errors = [answer.error for answer in answers if answer.error is not None]
    damage = target.image.damage
    if errors and (args.strict or not any(answer.walk for answer in answers)):
        raise errors[0]
    if damage and args.strict:
        raise damage[0]
    if args.json:
        sys.stdout.writelines(_json(target, answers))
    else:
        for text in _text(target, answers, access):
            print_text(text, args)
    return 1 if errors or damage or target.image.gaps else 0


def _json(target: ImageTarget, answers: list[_Answer]) -> Iterator[str]:
    """An object for each gap of the file, then one for each address."""
    for gap in target.image.gaps:
        yield as_line("walk", {"error": error_json(gap)})
    for answer in answers:
        record: dict[str, object] = {"linear": answer.asked}
        if answer.walk is not None:
            record = walk_json(answer.walk, target)
        if answer.error is not None:
            record["error"] = error_json(answer.error)
        yield as_line("walk", record)
    for error in target.image.damage:
        yield as_line("walk", {"error": error_json(error)})


def _text(target: ImageTarget, answers: list[_Answer], access: Access | None) -> Iterator[str]:
    """The image, then the walks."""
    yield target_text(target)
    yield (f"Access: {access}" if access else "Access: none, translation only") + "\n"
    for answer in answers:
        yield "\n"
        if answer.walk is not None:
            yield walk_text(answer.walk, target)
        else:
            yield f"linear {answer.asked}\n"
        if answer.error is not None:
            yield "\n".join(paragraph(f"unknown: {answer.error}", 2, 2)) + "\n"
    for error in target.image.damage:
        yield "\n" + "\n".join(paragraph(f"Damage: {error}", 0, 2)) + "\n"


def _answer(target: ImageTarget, text: str, access: Access | None) -> _Answer:
    """One walk; one that leaves the image is kept as far as it came."""
    try:
        one, missing = target.partial_walk(text, access)
    except AddressError as error:
        return _Answer(text, None, error)
    return _Answer(text, None if missing and not one.entries else one, missing)
