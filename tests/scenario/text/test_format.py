"""The reference of the format is what the loader asks for, and the schema agrees with it."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest

from xenexplore.cli.main import main
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.spec import GuestSpec
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.scenario_format import format_text
from xenexplore.scenario.library.builtin import builtin_names, builtin_text
from xenexplore.scenario.model.action_records import ACTIONS
from xenexplore.scenario.model.scenario import BufferSpec, Contents
from xenexplore.scenario.text.format import scenario_format
from xenexplore.scenario.text.format_example import EXAMPLE
from xenexplore.scenario.text.load_actions import ACTION_WORDS
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.schema import scenario_schema
from xenexplore.scenario.text.vocabulary import KEYS, attribute_of, default_of, key_of


def test_the_example_is_a_scenario_and_fits_the_schema():
    parse_scenario(EXAMPLE)
    jsonschema.validate(tomllib.loads(EXAMPLE), scenario_schema())


def test_a_guest_that_is_an_image_fits_the_schema():
    text = EXAMPLE.partition("[[buffer]]")[0].partition("[guest]")[0]
    text += '[guest]\nimage = "core.elf"\ncr3 = "0x1000"\nspare = "0x2000"\nspare_pages = 1\n'
    parse_scenario(text)
    jsonschema.validate(tomllib.loads(text), scenario_schema())


def test_every_action_and_option_has_a_table():
    words = [(table.name, table.word) for table in scenario_format()]
    assert [word for name, word in words if name == "action"] == list(ACTION_WORDS)
    assert [word for name, word in words if name == "option"] == list(OPTIONS)


def test_every_key_has_words_of_its_own():
    bare = [
        (table.name, table.word, key.name)
        for table in scenario_format()
        for key in table.keys
        if not key.help
    ]
    assert bare == []


@pytest.mark.parametrize("name", builtin_names())
def test_every_built_in_scenario_fits_the_schema(name):
    jsonschema.validate(tomllib.loads(builtin_text(name)), scenario_schema())


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("vcpus = 2", "vcpu = 2"),
        ("vcpus = 2", 'vcpus = 2\ncr3 = "0x1000"'),
        ('place = "percpu"', 'place = "per-cpu"'),
        ('do = "multicall"', 'do = "multi"'),
        ("register = [", "registers = ["),
        ("right_bytes = 4", 'right_bytes = "four"'),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(right, wrong):
    text = EXAMPLE.replace(right, wrong)
    assert text != EXAMPLE
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), scenario_schema())


def test_the_command_prints_both(capsys):
    for words in (["--format"], ["--format", "json-schema"]):
        assert main(["scenario", *words]) == 0
    out = capsys.readouterr().out
    text = "".join(format_text())
    assert out.startswith(text)
    assert json.loads(out[len(text) :]) == scenario_schema()


def test_the_reference_fits_a_mail():
    lines = "".join(format_text()).splitlines()
    assert max(map(len, lines)) <= 72


def test_keys_and_defaults_are_the_records_own():
    """One vocabulary: a key is its record's attribute, and holds the attribute's default."""
    records = {"guest": (GuestSpec, ImageSource), "buffer": (BufferSpec, Contents)}
    inner = {"place": (BufferSpec, Contents), "write": (Contents,)}
    loose = {"preempt_after"}  # one point of "preempt"
    spelled = {"p2m", "bytes"}  # as text: a size, hexadecimal digits
    held = 0
    for table in scenario_format():
        known = records.get(table.name, ())
        if table.name == "action":
            known = (ACTIONS[table.word], *inner.get(table.word, ()))
        for key in table.keys if known else ():
            attribute = attribute_of(key.name)
            owner = next((r for r in known if attribute in r.__dataclass_fields__), None)
            assert owner or key.name in loose, (table, key)
            if key.default is not None and owner and key.name not in spelled:
                assert key.default == default_of(owner, attribute), (table.word, key.name)
                held += 1
    assert held > 30
    assert all(attribute_of(key_of(name)) == name for name in KEYS)
