"""Build the site and try its live half: ``python tests/tools/try_site.py [SCENARIO...] [--all]``.

It says what it does and how long that takes.  Status 1: something does not hold.  Where npm, node
or Chromium is missing, that is said in capitals, and the rest is still tried.

* sizes: at most 3 MB compressed precomputed (with ``--all``), 7.5 MB more for the live half;
* every run of the site, again in its own Pyodide: byte for byte what CPython computed;
* in Chromium: an edited scenario, and a design of one's own, on screen; beside it, in the same
  browser, the time that Pyodide alone takes to say 1+1; then the same with the server off.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser.conftest import chromium, found_chromium

from xenexplore.errors import InputError
from xenexplore.recording.format.stream import BUILT_INS
from xenexplore.site.build import build_site
from xenexplore.site.engine import engine_files, fetch_engine

SOME = ("evtchn-send-from-stack", "straddle", "wrong-vcpu")
PRECOMPUTED, LIVE = 3_000_000, 7_500_000
DESIGN = """import xenexplore as xe

class Again(xe.Design):
    def locate(self, xen, access):
        for va, size in xe.split_pages(xe.Gva(access.handle), access.size):
            yield xe.walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
"""
BARE = (
    b'import { loadPyodide } from "./engine/pyodide.mjs";'
    b'const python = await loadPyodide({ indexURL: new URL("engine/", self.location).href });'
    b'self.postMessage(python.runPython("1+1"));'
)


def engine() -> dict[str, bytes] | None:
    """The live half, or None with the reason said."""
    try:
        return engine_files(fetch_engine())
    except InputError as error:
        print(f"THE LIVE HALF OF THE SITE IS NOT BUILT AND NOT TRIED: {error}")
        return None


def sizes(site: Path, *, whole: bool) -> list[str]:
    """What is larger than it may be."""
    live = precomputed = 0
    for path in site.rglob("*"):
        if path.is_file():
            size = len(gzip.compress(path.read_bytes(), 9))
            if path.relative_to(site).parts[0] == "engine":
                live += size
            else:
                precomputed += size
    print(f"compressed: precomputed {precomputed:,} bytes, live {live:,} bytes more")
    wrong = [f"the live half is over {LIVE:,} bytes"] if live > LIVE else []
    return wrong + (
        [f"the precomputed half is over {PRECOMPUTED:,} bytes"]
        if whole and precomputed > PRECOMPUTED
        else []
    )


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    """The site on a port of its own."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", server
    finally:
        server.shutdown()
        server.server_close()


def edit(page: Page, base: str, scenario: str) -> float:
    """Run an edited scenario; seconds from the click on "Edit and run" to the answer."""
    page.goto("about:blank")
    page.goto(f"{base}view.html#s={scenario}&o=linear-walk")
    page.wait_for_selector("#view .xe")
    text = page.locator("#source").input_value()
    start = time.monotonic()
    page.click("[data-do=edit]")
    page.fill("#source", text.replace('title = "', 'title = "Edited: ', 1))
    page.click("[data-do=run]")
    page.wait_for_selector("#view >> text=Edited: ", timeout=180_000)
    return time.monotonic() - start


def bare(page: Page, base: str) -> float:
    """Seconds that Pyodide alone takes, in a worker, to say 1+1."""
    page.goto(f"{base}view.html")
    start = time.monotonic()
    made = page.evaluate(
        """() => new Promise((resolve, reject) => {
          const worker = new Worker("bare.js", { type: "module" });
          worker.onmessage = ({ data }) => { worker.terminate(); resolve(data); };
          worker.onerror = (event) => reject(new Error(event.message));
        })"""
    )
    assert made == 2
    return time.monotonic() - start


def own_design(page: Page) -> None:
    """A design in the cell is one more column; its mistake has its line."""
    page.click(".cell summary")
    page.fill("#design", DESIGN.replace("walk_piece", "walk_pice"))
    page.click("[data-do=run]")
    page.wait_for_selector("#wrong >> text=your design: line 6", timeout=120_000)
    page.fill("#design", DESIGN)
    page.select_option("[name=option]", "")
    page.click("[data-do=run]")
    page.wait_for_selector("#view >> text=again >> visible=true", timeout=120_000)


def browse(browser: Browser, site: Path, scenario: str) -> list[str]:
    """The live half in Chromium; what the pages complain of."""
    complaints: list[str] = []
    (site / "bare.js").write_bytes(BARE)
    with served(site) as (base, server):
        context = browser.new_context()
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url.startswith((base, "data:", "blob:"))
                else complaints.append(f"request: {asked.url}")
            ),
        )
        alone = bare(page, base)
        first = edit(page, base, scenario)
        print(f"an edited scenario on screen after {first:.1f} s; Pyodide alone {alone:.1f} s "
              f"(ratio {first / alone:.2f})")  # fmt: skip
        own_design(page)
        print("a design of one's own runs, and its mistake has its line")
        server.shutdown()
        server.server_close()
        page.close()
        page = context.new_page()
        again = edit(page, base, scenario)
        print(f"with the server off: {again:.1f} s")
        context.close()
    (site / "bare.js").unlink()
    return complaints


def main() -> int:
    """Build, measure, compare, browse."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", default=SOME, metavar="SCENARIO")
    parser.add_argument("--all", action="store_true", help="every scenario and recording")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        site, start, files = Path(folder) / "site", time.monotonic(), engine()
        made = build_site(
            site, builtins=None if args.all else args.scenarios,
            recordings=BUILT_INS if args.all else (), engine=files,
        )  # fmt: skip
        print(f"{made.runs} runs, {made.files} files in {time.monotonic() - start:.0f} s")
        wrong = sizes(site, whole=args.all)
        if files is not None:
            tool = Path(__file__).with_name("same_runs.mjs")
            same = subprocess.run(["node", str(tool), str(site)], check=False, timeout=900)
            wrong += ["runs in Pyodide differ from CPython's"] if same.returncode else []
            if not found_chromium():
                print("THE LIVE HALF IS NOT TRIED IN A BROWSER: no Chromium")
            else:
                with chromium() as browser:
                    wrong += browse(browser, site, args.scenarios[0])
    print("\n".join(wrong) or "the site holds")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
