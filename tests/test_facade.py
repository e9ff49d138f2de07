"""The names at the top: sorted, documented, all there, and nothing loaded before it is used."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import xenexplore as xe
from xenexplore.errors import XenexploreError
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.steps import Status

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = [name for name in xe.__all__ if name != "__version__"]
CONSTANTS = {"FETCH", "READ", "USER_FETCH", "USER_READ", "USER_WRITE", "WRITE"}


def test_the_names_are_sorted_and_no_others_are_listed() -> None:
    def order(name: str) -> tuple[int, str]:
        """Constants, classes, then the rest: as ruff sorts (RUF022)."""
        return 0 if name.isupper() else 1 if name[0].isupper() else 2, name

    assert list(xe.__all__) == sorted(set(xe.__all__), key=order)
    assert dir(xe) == sorted(xe.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = xe.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    found = getattr(xe, name)
    assert found is not None
    if name not in CONSTANTS:
        assert inspect.getdoc(found)
        if inspect.isclass(found):
            assert found.__doc__ != inspect.getdoc(object)


def test_no_name_is_that_of_a_room() -> None:
    """An import of the room would put the module in the name's place."""
    rooms = {info.name for info in pkgutil.iter_modules(xe.__path__)}
    assert rooms & set(PUBLIC) == {"hypercalls", "recording"}


def test_type_checkers_see_the_same_names() -> None:
    """The imports for types name what is loaded at run time."""
    tree = ast.parse((ROOT / "xenexplore" / "__init__.py").read_text(encoding="utf-8"))
    [typed] = [node for node in tree.body if isinstance(node, ast.If)]
    found = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    loaded = {name: f"xenexplore.{target}" for name, target in xe._NAMES.items()}
    rooms = {name: f"xenexplore:{name}" for name in xe._ROOMS}
    assert found == {**loaded, **rooms}


def test_every_kind_of_error_is_there() -> None:
    def kinds(error: type[XenexploreError]) -> set[str]:
        return {error.__name__}.union(*(kinds(kind) for kind in error.__subclasses__()))

    assert kinds(XenexploreError) <= set(PUBLIC)


def test_importing_loads_the_standard_library_alone() -> None:
    code = (
        "import sys; before = set(sys.modules); import xenexplore; "
        "new = {m.split('.')[0] for m in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['xenexplore']"


@pytest.mark.parametrize("room", ["scenario.run", "options.registry", "guest.domain"])
def test_the_core_loads_without_pictures(room: str) -> None:
    heavy = ["matplotlib", "networkx", "ipywidgets", "anywidget", "IPython", "xenexplore.render"]
    code = f"import sys, xenexplore.{room}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_first_guest_and_its_first_display_load_what_they_use() -> None:
    """No other package, no catalogue, no designs, no reader of scenarios, no pictures of runs."""
    code = (
        "import sys, xenexplore as xe; before = set(sys.modules); "
        "guest = xe.Guest('linux', vcpus=2); "
        "guest.buffer('stack', struct='evtchn_send', port=5); guest._repr_mimebundle_(); "
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    own = {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names)
    assert own == {"xenexplore"}
    unused = (
        "hypercalls.catalogue", "hypercalls.plan", "options.registry", "scenario.library",
        "scenario.text.loader", "session.xen", "render.svg.views", "render.web.page",
    )  # fmt: skip
    late = tuple(f"xenexplore.{name}" for name in unused)
    assert [name for name in loaded if name.startswith(late)] == []


def test_parameters_are_keywords() -> None:
    scenario = xe.load("evtchn-send-from-stack")
    trace = xe.run(scenario, "software-tlb", register=["stack"], entries=4)
    assert trace.option.given == (("register", ("stack",)), ("entries", 4))
    again = xe.run(scenario, trace.option.label)
    assert again == trace, "its label is the text that runs it"
    both = xe.compare(scenario, ["linear-walk", OPTIONS["software-tlb"]], entries=4)
    assert list(both.outcomes) == ["linear-walk", "software-tlb: entries=4"]
    assert both.outcomes["linear-walk"].status is Status.RIGHT


def test_keywords_take_the_place_of_what_a_label_sets() -> None:
    scenario = xe.load("wrong-vcpu")
    trace = xe.run(scenario, "tlb, subject", cross_vcpu="current")
    own = next(option for option in scenario.options if option.label == "tlb, subject")
    assert dict(trace.option.given) == {**dict(own.values), "cross_vcpu": "current"}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"entrie": 3}, "no parameter 'entrie'.*did you mean 'entries'"),
        ({"entries": "many"}, "entries takes a number, not 'many'"),
    ],
)
def test_a_wrong_parameter_is_one_clear_error(parameters: dict[str, object], said: str) -> None:
    with pytest.raises(xe.ScenarioError, match=said):
        xe.run(xe.load("straddle"), "software-tlb", **parameters)
    with pytest.raises(xe.MachineError, match=said):
        xe.replay("synthetic:tasks=1", "software-tlb", **parameters)


def test_a_parameter_that_none_of_several_has_is_refused() -> None:
    with pytest.raises(xe.ScenarioError, match="none of 'linear-walk', 'number-bit' has a"):
        xe.compare(xe.load("straddle"), ["linear-walk", "number-bit"], entries=3)


@pytest.mark.parametrize("option", OPTIONS.values(), ids=list(OPTIONS))
def test_text_class_instance_and_variant_run_alike(option: type) -> None:
    scenario = xe.parse('name = "x"\ntitle = "x"\n[guest]\ntype = "pvh"\nkernel = "linux"\n')
    ways = [xe.run(scenario, way) for way in (option.name, option, option(), variant(option))]
    assert all(trace == ways[0] for trace in ways)
