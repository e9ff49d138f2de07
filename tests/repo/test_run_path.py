from __future__ import annotations

import subprocess
import sys

# In a process of its own: from a scenario to its exports with every package but ours blocked.
RUN = """
import sys
from importlib.abc import MetaPathFinder

class Blocked(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ("xenexplore", *sys.stdlib_module_names):
            return None
        # copy.py asks whether this is Jython; the answer here is no, as everywhere.
        if top != "org":
            print("third-party import:", name)
        raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Blocked())

import xenexplore as xe
from xenexplore.options.registry import OPTIONS
from xenexplore.render.web.page import trace_html

scenarios = {name: xe.load(name) for name in xe.scenarios()}
designs = [option for option in OPTIONS.values() if option.specified]
traces = list(xe.compare(scenarios["straddle"], designs).traces)
traces.append(xe.run(scenarios["pv-guest"]))
for trace in traces:
    assert trace.to_json() and trace.text() and trace.svg() and trace_html(trace)
assert trace.text(view="map") and trace.svg(view="map") and trace.svg(view="registered")
both = xe.compare(scenarios["straddle"], ["linear-walk", "number-bit"])
assert both.text() and both.svg() and trace_html(both)
print(len(traces), "runs")
"""


def test_from_a_scenario_to_its_views_without_other_packages() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "third-party" not in done.stdout
    assert done.stdout.endswith("runs\n")
