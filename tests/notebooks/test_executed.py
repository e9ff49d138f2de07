"""Every notebook runs to its end, and what is saved is what its source gives, byte for byte."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

from xenexplore.render.plots.figures import PLOT_CLASS

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_saved_is_what_its_source_gives(source: Path, build: ModuleType) -> None:
    saved = build.comparable(source.with_suffix(".ipynb").read_text(encoding="utf-8"))
    given = build.comparable(build.build(source))  # runs every cell; a claim that fails raises here
    changed = difflib.unified_diff(saved.splitlines(), given.splitlines(), lineterm="", n=0)
    assert saved == given, "python notebooks/build.py\n" + "\n".join(
        line[:300] for line in list(changed)[:12]
    )


def _written(folder: Path, text: str) -> Path:
    source = folder / "00_small.py"
    source.write_text(text, encoding="utf-8")
    return source


SMALL = "# %% [markdown]\n# # Small\n\n# %%\nimport os\nprint('one', 1 + 1)\nassert os\n"


def test_a_claim_that_fails_stops_the_build(tmp_path: Path, build: ModuleType) -> None:
    with pytest.raises(Exception, match="AssertionError"):
        build.build(_written(tmp_path, "# %%\nassert 1 == 2\n"))


def test_a_change_is_noticed_and_nothing_is_written_by_a_check(
    tmp_path: Path, build: ModuleType, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(build, "HERE", tmp_path)
    target = _written(tmp_path, SMALL).with_suffix(".ipynb")
    assert build.main(["--check"]) == 1  # none is saved yet
    assert not target.exists()
    assert build.main([]) == 0
    first = target.read_bytes()
    target.write_bytes(first.replace(b"one 2", b"one 3"))
    assert build.main(["--check"]) == 1
    assert "one 3" in capsys.readouterr().out
    assert build.main([]) == 0
    assert target.read_bytes() == first


def test_only_the_bytes_of_a_plot_may_differ(build: ModuleType) -> None:
    def text(kind: str, picture: str, words: str) -> str:
        shown = f'<div class="{kind}"><img alt="a" src="data:{picture}"></div>{words}'
        return json.dumps({"text/html": shown})

    one = build.comparable(text(PLOT_CLASS, "abc", "97.5"))
    assert one == build.comparable(text(PLOT_CLASS, "xyz", "97.5"))
    assert one != build.comparable(text(PLOT_CLASS, "abc", "97.6"))
    assert build.comparable(text("", "abc", "")) != build.comparable(text("", "xyz", ""))


def test_what_is_printed_is_one_output_however_it_arrives(build: ModuleType) -> None:
    def printed(*parts: tuple[str, str]) -> str:
        cells = [nbformat.v4.new_code_cell("x", execution_count=1) for _ in range(2)]
        cells[0].outputs = [nbformat.v4.new_output("stream", name=n, text=t) for n, t in parts]
        return build.canonical(nbformat.v4.new_notebook(cells=cells))

    one = printed(("stdout", "a\nb\n"), ("stderr", "c\n"))
    assert one == printed(("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"))
    assert one != printed(("stdout", "a\n"), ("stderr", "c\n"), ("stdout", "b\n"))
    # Nor has it a part in what fits on a slide, or in what scrolls.
    for lines in (18, 30):
        parts = [("stdout", f"{number}\n") for number in range(lines)]
        assert printed(*parts) == printed(("stdout", "".join(text for _, text in parts)))


def test_what_differs_between_runs_is_not_kept(build: ModuleType) -> None:
    def run(ident: str, clock: str, model: str, version: str) -> str:
        cell = nbformat.v4.new_code_cell("x", id=ident, execution_count=1)
        cell.metadata["execution"] = {"iopub.status.busy": clock}
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": model}, "text/plain": "x"}
        cell.outputs = [
            nbformat.v4.new_output("execute_result", data=view, execution_count=1, metadata={})
        ]
        notebook = nbformat.v4.new_notebook(cells=[cell])
        notebook.metadata["widgets"] = {"state": {model: {}}}
        # What ipykernel answers, and with it nbclient writes: versions that are this machine's.
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": f"Python {version}"}
        mode = {"name": "ipython", "version": int(version[-1])}
        notebook.metadata["language_info"] = {"version": version, "codemirror_mode": mode}
        return build.canonical(notebook)

    one, two = run("a", "10:00", "m1", "3.11.2"), run("b", "11:00", "m2", "3.14.0")
    assert one == two
    assert json.loads(one)["cells"][0]["outputs"][0]["data"] == {"text/plain": "x"}
