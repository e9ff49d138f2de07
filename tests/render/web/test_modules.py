"""The page's modules: joined as they say, typed, without lint; some of them tried in Node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from node import node
from trace_types import types_text

from xenexplore.render.web import modules
from xenexplore.render.web.compact import compact_script, compact_style
from xenexplore.render.web.modules import from_python, joined, module_names, module_text
from xenexplore.render.web.page import web_module, web_style
from xenexplore.widgets.keys import FORM_CLASS

FOLDER = Path(modules.__file__).parent / "stepper"
NODE_TESTS = Path(__file__).parent / "node"
PACKAGE = FOLDER.parents[2]
#: Modules of widgets other than the views.
WIDGETS = sorted((PACKAGE / "widgets").glob("*.js"))
#: What is no module of a page: the site's own scripts, our part of JupyterLab.
SCRIPTS = [*PACKAGE.glob("site/assets/*js"), *PACKAGE.glob("widgets/labextensions/**/*.js")]
#: What joins: JupyterLab and the site, the page of a comparison, the page of a trace.
ENTRIES = ("anywidget", "page", "stepper_page")
#: Parts that a page with one trace does not have, or that only it has.
ONCE = {
    "anywidget", "comparison", "comparison_markup", "lockstep", "page", "stepper_page", "turns",
    "why",
}  # fmt: skip
#: Rules of the linter that are not ours: matters of taste, and methods that are only a year old.
ALLOWED = (
    "no-shadow", "no-underscore-dangle", "consistent-function-scoping", "no-array-sort",
    "no-array-reverse",
)  # fmt: skip
TYPESCRIPT = "5.9.3"
#: Strict but for two rules: 500 arguments have no type of their own, and what the page's own markup
#: holds is not asked for twice.
OPTIONS = {
    "allowJs": True, "checkJs": True, "noEmit": True, "strict": True, "noUnusedLocals": True,
    "noImplicitAny": False, "strictNullChecks": False,
    "target": "es2022", "module": "es2022", "moduleResolution": "bundler",
    "lib": ["es2023", "dom", "dom.iterable"], "types": [],
}  # fmt: skip
DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)", flags=re.MULTILINE
)
IMPORTED = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";', flags=re.MULTILINE)


def said(*command: str | Path, cwd: Path | None = None) -> tuple[int, str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_every_module_is_small_and_reached() -> None:
    assert len(module_names()) > 25
    assert len(SCRIPTS) > 9
    assert len(WIDGETS) > 3
    long = [
        f"{file.name}:{number}"
        for file in (*WIDGETS, *SCRIPTS)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 120
    ]
    assert long == []
    both = web_module() + joined("stepper_page")
    for name in module_names():
        lines = module_text(name).splitlines()
        assert len(lines) <= 300, f"{name}: one noun each"
        assert max(map(len, lines)) <= 120, name
        for declared in DECLARED.findall(module_text(name)):
            count = DECLARED.findall(both).count(declared)
            assert count == (2 if declared == "mount" or name not in ONCE else 1), declared


def test_no_name_is_declared_twice_and_what_is_imported_is_exported() -> None:
    names = [n for m in (*module_names(), "from_python") for n in DECLARED.findall(module_text(m))]
    # mount(): of two kinds of page, which never meet.
    assert {name for name in names if names.count(name) > 1} == {"mount"}
    for module in module_names():
        for imported, other in IMPORTED.findall(module_text(module)):
            for name in filter(None, (part.strip() for part in imported.split(","))):
                assert re.search(rf"^export .*\b{name}\b", module_text(other), re.MULTILINE), name


def test_a_circle_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"a": 'import { b } from "./b.js";\n', "b": 'import { a } from "./a.js";\n'}
    monkeypatch.setattr(modules, "module_text", lambda name, _folder: texts[name])
    with pytest.raises(AssertionError, match="a -> b -> a"):
        joined("a")


def test_each_whole_parses_before_and_after_it_is_made_small(tmp_path: Path) -> None:
    for entry in ENTRIES:
        for text in (joined(entry), compact_script(joined(entry))):
            (tmp_path / "whole.mjs").write_text(text, encoding="utf-8")
            assert said(node(), "--check", tmp_path / "whole.mjs") == (0, "")
        assert ("class Comparison" in joined(entry)) == (entry != "stepper_page")


def test_what_counts_is_kept_when_it_is_made_small() -> None:
    kept = "let a = 'x  y', r = /[/ ]{2}/g; i++ + ++i; [, b] = [1, ]; f(`a ${ `b ${1 + 1}` } c`);"
    assert compact_script(kept) == (
        "let a='x  y',r=/[/ ]{2}/g;i++ + ++i;[,b]=[1];f(`a ${`b ${1+1}`} c`);"
    )
    texts = re.findall(r'content: ("[^"]*")', web_style())
    assert texts
    assert all(text in compact_style(web_style()) for text in texts)


def test_a_widget_s_modules_are_joined_too() -> None:
    for entry in ("keep_keys", "session_tables"):
        whole = joined(entry, PACKAGE / "widgets")
        assert "import " not in whole
        assert whole.count("const inForm") == whole.count("export default") == 1
    assert f'".{FORM_CLASS}"' in joined("in_form", PACKAGE / "widgets")


def test_types_are_those_of_the_schema() -> None:
    written = FOLDER / "trace.d.ts"
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        written.write_text(types_text(), encoding="utf-8")
    assert written.read_text(encoding="utf-8") == types_text()


def test_the_linter_finds_nothing() -> None:
    # Beside this Python, whose folder need not be on PATH.
    linter = shutil.which("oxlint", path=sysconfig.get_path("scripts"))
    assert linter, "pip install oxlint: it is among the extra 'test'"
    allowed = [word for rule in ALLOWED for word in ("-A", rule)]
    rules = ["--deny-warnings", "-D", "correctness", "-D", "suspicious", *allowed]
    code, text = said(linter, *rules, FOLDER, NODE_TESTS, *WIDGETS)
    assert code == 0, text


def typescript() -> list[str]:
    """The type checker: the machine's, or one that npm fetches into the tests' cache."""
    if found := os.environ.get("XENEXPLORE_TSC") or shutil.which("tsc"):
        return [found]
    if not shutil.which("npm"):
        pytest.skip("needs TypeScript: no tsc on PATH, and no npm to fetch it with")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "xenexplore-tests" / "typescript"
    script = folder / "node_modules" / "typescript" / "bin" / "tsc"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
        code, text = said(*install, f"typescript@{TYPESCRIPT}")
        if code:
            pytest.skip(f"needs TypeScript {TYPESCRIPT}: npm says {text.strip()[-200:]}")
    return [node(), str(script)]


def test_the_types_hold(tmp_path: Path) -> None:
    config, wrong = tmp_path / "tsconfig.json", tmp_path / "wrong.js"
    # One file of no use, so that it is seen to look: a field that no step has.
    wrong.write_text(
        f'/** @param {{import("{FOLDER}/trace.js").Step}} step */\n'
        "export const wrong = (step) => step.leval;\n"
    )
    what = [f"{FOLDER}/*", *map(str, WIDGETS), str(wrong)]
    config.write_text(json.dumps({"compilerOptions": OPTIONS, "include": what}))
    _, text = said(*typescript(), "-p", config)
    errors = [line for line in text.splitlines() if "error" in line]
    assert len(errors) == 1, text
    assert "'leval' does not exist on type 'Step'" in errors[0]


def test_what_needs_no_browser(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "stepper")
    (tmp_path / "stepper" / "from_python.js").write_text(from_python(), encoding="utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    tests = [shutil.copy(file, tmp_path) for file in sorted(NODE_TESTS.glob("*.test.js"))]
    assert tests
    code, text = said(node(), "--test", *tests, cwd=tmp_path)
    assert code == 0, text
