"""Scripts and style sheets without what only a reader of their source needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["compact_script", "compact_style"]

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<space>\s+)
    |(?P<word>[\w$]+)
    |(?P<sign>\+\+|--|.)""",
    re.VERBOSE | re.DOTALL,
)
#: A slash after one of these begins a regular expression, not a division.
_BEFORE_REGEX = ("", "(", ",", "=", ":", "[", "!", "&", "|", "?", "{", "}", ";", "return")
_REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/[a-z]*")
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def compact_script(text: str) -> str:
    r"""A script that ends its statements with semicolons, without comments and free space.

    >>> compact_script("const a = 1; // one\nconst b = (c) => `${ c } x` + `y`;\n")
    'let a=1,b=c=>`${c} xy`;'
    """
    out: list[str] = []
    declares = [False]  # of each bracket that is open: whether its last statement is a let
    for _, lexeme in _tokens(text, 0):
        before = out[-1] if out else ""
        if not lexeme:
            continue
        lexeme = "let" if lexeme == "const" else lexeme  # nothing assigns to one: it would throw
        if lexeme[0] == "`" and before == "+" and len(out) > 1 and out[-2][0] == "`":
            out[-2:] = [out[-2][:-1] + lexeme[1:]]  # two literals that stand side by side are one
            continue
        if lexeme == "}" and before == ";":
            out.pop()  # the last statement of a block; none of ours is empty
            before = out[-1]
        if lexeme in ")]}" and before == "," and out[-2] not in ("[", ","):
            out.pop()  # a list may end with a comma; one that only skips keeps it
            before = out[-1]
        if lexeme == "let" and before == ";" and declares[-1]:
            out[-1] = ","  # two declarations side by side are one
            continue
        if before in ("", ";", "{") or lexeme == "let":
            declares[-1] = lexeme == "let" and before in ("", ";", "{", "}")
        if lexeme in "([{":
            declares.append(False)
        elif lexeme in ")]}":
            declares.pop()
        elif lexeme == ">" and before == "=" and _is_one_argument(out):
            out[-4:] = [out[-3], "="]  # (x)=> is x=>
        if before and _would_join(before[-1], lexeme[0]):
            out.append(" ")
        out.append(lexeme)
    return "".join(out)


def _is_one_argument(out: list[str]) -> bool:
    """Whether an arrow's arguments, in brackets, are one plain name."""
    if len(out) < 5 or out[-2] != ")" or out[-4] != "(" or not _is_word(out[-3][0]):
        return False
    return not _is_word(out[-5][-1])  # async (x) => needs its brackets, or a space


def _would_join(left: str, right: str) -> bool:
    """Whether two tokens side by side would be read as another one."""
    return (_is_word(left) and _is_word(right)) or (left in "+-" and left == right)


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign in "_$"


def _tokens(text: str, at: int) -> Iterator[tuple[str, str]]:
    """Each token as it stands and without what is free; a template literal is one token."""
    last = ""
    while at < len(text):
        if text[at] == "`":
            end, short = _template(text, at)
        elif text[at] == "/" and text[at + 1] not in "/*" and last in _BEFORE_REGEX:
            found = _REGEX.match(text, at)
            assert found is not None, text[at : at + 40]
            end, short = found.end(), found[0]
        else:
            found = _TOKEN.match(text, at)
            assert found is not None
            end, short = found.end(), "" if found.lastgroup in ("comment", "space") else found[0]
        yield text[at:end], short
        last, at = short or last, end


def _template(text: str, at: int) -> tuple[int, str]:
    """End of a template literal, and its text with the expressions in it compact."""
    out, at = ["`"], at + 1
    while text[at] != "`":
        if text[at] == "\\":
            out.append(text[at : at + 2])
            at += 2
        elif text.startswith("${", at):
            end = _closing(text, at + 2)
            out.append(f"${{{compact_script(text[at + 2 : end])}}}")
            at = end + 1
        else:
            out.append(text[at])
            at += 1
    return at + 1, "".join([*out, "`"])


def _closing(text: str, at: int) -> int:
    """Place of the brace that closes an expression of a template."""
    depth = 0
    for lexeme, _ in _tokens(text, at):
        if lexeme == "}" and depth == 0:
            return at
        depth += (lexeme == "{") - (lexeme == "}")
        at += len(lexeme)
    raise AssertionError("an expression of a template has no end")


def compact_style(text: str) -> str:
    r"""A style sheet without comments and free space.

    >>> compact_style("/* red */ .a > b { color: red; margin: 0 1px; }")
    '.a>b{color:red;margin:0 1px}'
    """
    text = re.sub(r"\s+", " ", _CSS_COMMENT.sub("", text))
    text = re.sub(r" ?([{};,>]) ?", r"\1", text).replace(": ", ":")
    return text.replace(";}", "}").strip()
