from __future__ import annotations

from xenexplore.scenario.text.key_lines import KeyLines

TEXT = '''name = "x"
text = """
guest = "not a key"
[[buffer]]
"""

[guest]
vcpus = 2

[[buffer]]
name = "a"
fields.port = 5
fields."args[0]" = 6
[[buffer]]  # the second one
struct = "s"
fields = { one = 1,
  two = 2 }
'''


def test_tables_and_keys_have_lines():
    lines = KeyLines(TEXT)
    assert lines.line(()) == 1
    assert lines.line((), "name") == 1
    assert lines.line((), "text") == 2
    assert lines.line(("guest",)) == 7
    assert lines.line(("guest",), "vcpus") == 8
    assert lines.line(("buffer", 0)) == 10
    assert lines.line(("buffer", 1)) == 14


def test_keys_inside_are_found_as_well():
    lines = KeyLines(TEXT)
    assert lines.line(("buffer", 0), "fields.port") == 12
    assert lines.line(("buffer", 0), "fields.args[0]") == 13
    assert lines.line(("buffer", 1), "fields.two") == 17


def test_what_is_not_there_has_the_line_of_what_is_around_it():
    lines = KeyLines(TEXT)
    assert lines.line(("guest",), "memory") == 7
    assert lines.line(("buffer", 1), "fields.three") == 16
    assert lines.line(("option", 0), "use") == 1
