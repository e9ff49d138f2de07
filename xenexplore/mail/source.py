"""Scenario sources of a command line or a call: a built-in, a file, a mail with one in it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from xenexplore.errors import ScenarioError
from xenexplore.files import TEXT_LIMIT, decoded, read_bytes, shown_name
from xenexplore.mail.mail import Mail, Posting, read_letters_of
from xenexplore.mail.message import has_headers
from xenexplore.mail.quoting import depth_of, is_end
from xenexplore.mail.statements import START, Mangled, State, read_line
from xenexplore.scenario.library.builtin import builtin_text, names_file
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.text.loader import parse_scenario

__all__ = ["ScenarioSource", "find_scenario", "find_source", "parse", "read_mail"]

_WHAT = "a scenario"
_SUFFIXES = (".toml", ".eml", ".mbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSource:
    """A scenario's text and where it comes from.

    Attributes:
        text: TOML; comments of an answering person are TOML comments in it.
        source: its name in messages.
        posting: where it stands in a mail; None: it is a file's or a built-in's whole text.
        folder: where relative names of files in it begin; ``""``: the working directory.
    """

    text: str
    source: str
    posting: Posting | None = None
    folder: str = ""

    def scenario(self) -> Scenario:
        """The scenario in it.

        Raises:
            ScenarioError: it is malformed.
        """
        if self.posting is not None:
            return self.posting.scenario()
        return parse_scenario(self.text, self.source, folder=self.folder)


def find_source(word: str, *, limit: int | None = None) -> ScenarioSource:
    """A scenario's text; arguments and errors as for :func:`find_scenario`."""
    base, which = _chosen(word)
    if not names_file(base, _SUFFIXES):
        return ScenarioSource(text=builtin_text(word), source=f"{word}.toml")
    most = TEXT_LIMIT if limit is None else limit
    raw = read_bytes(base, most, what=_WHAT, error=ScenarioError)
    found = _source_in(raw, shown_name(base), which)
    return found if base == "-" else replace(found, folder=str(Path(base).parent))


def _chosen(word: str) -> tuple[str, str | None]:
    """A file, and what behind # names a scenario in it."""
    base, mark, which = word.rpartition("#")
    if not mark or not base or not which or Path(word).is_file():
        return word, None
    return base, which


def find_scenario(word: str, *, limit: int | None = None) -> Scenario:
    """A scenario as the command line names it: a built-in, a file, or ``"-"`` (standard input).

    A word that looks like a path (with a slash, or ending in ``.toml``, ``.eml`` or ``.mbox``) is a
    file; otherwise a built-in's name takes precedence over a file of that name.  A file is a
    scenario or a mail that has one: a message, an mbox, or text out of one, quoted or not.

    Args:
        word: which scenario; with several in a mail ``"FILE#2"`` or ``"FILE#name"``.
        limit: maximum bytes of a file's text; None for 4 MiB.

    Raises:
        ScenarioError: there is no such scenario, it is malformed, or it could be read in
            two ways; names the line of the file.
        OSError: the file cannot be read.

    >>> find_scenario("straddle").about.title
    '48 bytes at page offset 4080: two pages, two unrelated frames'
    """
    return find_source(word, limit=limit).scenario()


def parse(text: str, source: str = "a scenario") -> Scenario:
    r"""A scenario from its text, or from a mail's.

    Args:
        text: TOML, or a mail with one scenario in it.
        source: its name in messages.

    Raises:
        ScenarioError: it is malformed; names line and field, and the nearest valid word.

    >>> parse('name = "x"\ntitle = "Nothing happens"')
    <Scenario x: pvh guest, 0 actions, every option>
    >>> parse('Jan wrote:\n> name = "x"\n> title = "Nothing\nhappens"\n\nAgreed.\n')
    <Scenario x: pvh guest, 0 actions, every option>
    """
    return _source_in(text.encode("utf-8", "surrogatepass"), source, None).scenario()


def read_mail(word: str, *, limit: int | None = None) -> Mail:
    r"""The scenarios in a mail: a message, an mbox, or text out of one.

    Args:
        word: a file, or ``"-"`` for standard input.
        limit: its maximum size in bytes; None for 4 MiB.

    Raises:
        ScenarioError: a message's text cannot be decoded.
        OSError: the file cannot be read.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "mail")
    ...     _ = path.write_text('On 28.09.2022 10:05, Jan Beulich wrote:\n'
    ...         '> name = "x"\n> title = "Nothing happens"\nRight.\n')
    ...     read_mail(str(path)).postings[0].place
    'line 2, quoted'
    """
    most = TEXT_LIMIT if limit is None else limit
    raw = read_bytes(word, most, what="a mail", error=ScenarioError)
    return read_letters_of(raw, shown_name(word))


def _source_in(raw: bytes, source: str, which: str | None) -> ScenarioSource:
    """A scenario that is the whole text, as ever, or one that stands in a mail."""
    if has_headers(raw[: 1 << 16].decode("latin-1").removeprefix("\u00ef\u00bb\u00bf")):
        return _posted(read_letters_of(raw, source), which)
    text = decoded(source, raw, _WHAT, ScenarioError)
    if not _is_toml(text) and (not _begins_as_toml(text) or _has_mail_marks(text)):
        mail = read_letters_of(text.encode("utf-8", "surrogatepass"), source)
        if mail.postings or any(one.name for one in mail.fragments):
            return _posted(mail, which)
    if which not in (None, "1"):
        named = parse_scenario(text, source).about.name
        if which != named:
            raise ScenarioError(
                source, "", expected=f"#1 or #{named}: it is one scenario", got=f"#{which}"
            )
    return ScenarioSource(text=text, source=source)


def _posted(mail: Mail, which: str | None) -> ScenarioSource:
    posting = mail.posting(which)
    excerpt = posting.excerpt
    if excerpt.trouble:
        raise excerpt.trouble.error(posting.source)
    return ScenarioSource(text=excerpt.commented(), source=posting.source, posting=posting)


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    except RecursionError:
        pass  # TOML that nests too deeply: the loader says so
    return True


def _begins_as_toml(text: str) -> bool:
    """Whether the first line that says something is TOML."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    return bool(START.match(first))


def _has_mail_marks(text: str) -> bool:
    """Whether there is a line, outside TOML's strings, as mail programs put it."""
    state = State()
    for line in text.split("\n"):
        if not state.is_open and not START.match(line) and (depth_of(line) or is_end(line)):
            return True
        try:
            state = read_line(line, state)[1]
        except Mangled:
            return False
    return False
