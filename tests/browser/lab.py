"""A real JupyterLab of its own: a server on a free loopback port, with nobody else's settings."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from browser.conftest import PATIENCE, told_by, within
from playwright.sync_api import Browser, ConsoleMessage, Error, Page

import xenexplore
from xenexplore.cli.lab import update_copy

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
OURS = Path(xenexplore.__file__).parent / "widgets" / "labextensions"
TOKEN = "of-this-test"

# Open a notebook, wait for its kernel, run every cell, and say what failed.
RUN_ALL = """async path => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await app.commands.execute("notebook:run-all-cells");
  while (panel.sessionContext.session.kernel.status !== "idle")
    await new Promise(done => setTimeout(done, 50));
  const cells = panel.content.widgets.filter(cell => cell.model.type === "code");
  const outputs = cells.flatMap(cell => cell.model.outputs.toJSON());
  return {
    cells: cells.length,
    ran: cells.filter(cell => cell.model.executionCount !== null).length,
    errors: outputs.filter(o => o.output_type === "error" || o.name === "stderr"),
    views: outputs.filter(o => "application/vnd.jupyter.widget-view+json" in (o.data || {})).length,
  };
}"""
OPEN_WITHOUT_KERNEL = """async path => {
  const panel = await window.jupyterapp.commands.execute("docmanager:open", {
    path, factory: "Notebook", kernelPreference: { shouldStart: false, canStart: false },
  });
  await panel.context.ready;
  return panel.sessionContext.session?.kernel?.id ?? "";
}"""
TOGGLE = "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"
SHUT_DOWN = """async () => {
  const app = window.jupyterapp;
  for (const widget of [...app.shell.widgets("main")]) {
    if (widget.context?.model) widget.context.model.dirty = false;
    widget.dispose();
  }
  await app.serviceManager.sessions.shutdownAll();
}"""
# Said by JupyterLab 4 itself, whatever is in a notebook; the last but two where a kernel ends
# early, the last but one by ipywidgets where there is none, the last by a notebook that is closed
# before it has its focus.
NOT_OURS = (
    "favicon", "preload", "Autofocus processing", "willReadFrequently",
    "Canceled future for",
    "Cannot read properties of null (reading 'kernel')",
    "Cannot read properties of null (reading 'footer')",
)  # fmt: skip

# Said by anywidget of a model whose module took over two seconds, as on a machine that is busy
# with something else; xenexplore/widgets/late_module.js mends what comes of it.
LATE = "[anywidget] Failed to initialize model."
# To make every model such a one.
ALL_LATE = """const plain = AbortSignal.timeout.bind(AbortSignal);
AbortSignal.timeout = ms => plain(ms === 2000 ? 0 : ms);"""


@dataclass
class Lab:
    """A running JupyterLab; ``folder`` is what it serves; models were ``late`` so many times."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]
    theme: str
    complaints: list[str] = field(default_factory=list)
    late: int = 0

    def kernels(self) -> list[dict[str, Any]]:
        request = f"{self.url}/api/kernels?token={TOKEN}"
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def answers(self) -> list[dict[str, Any]] | None:
        """Its kernels, or None as long as it does not answer."""
        try:
            return self.kernels()
        except OSError:
            return None

    def write(self, name: str, *cells: str) -> str:
        """A notebook of code cells, in the served folder."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {  # without it the lab asks, and waits
            "name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"
        }  # fmt: skip
        nbformat.write(made, self.folder / name)
        return name

    def page(
        self, browser: Browser, *, width: int = 1200, height: int = 900, script: str = ""
    ) -> Page:
        """The lab in a new window, with nothing open; the script runs before its own."""
        page = self.window(browser, width=width, height=height)
        page.add_init_script(script or "0")
        page.on("console", self._heard)
        page.on("pageerror", self._failed)
        page.goto(f"{self.url}/lab?token={TOKEN}&reset")
        page.wait_for_function("window.jupyterapp !== undefined")
        within(page, "() => window.jupyterapp.restored")
        if page.locator(".jp-SideBar .lm-mod-current").count():
            within(page, TOGGLE)
        return page

    def window(self, browser: Browser, *, width: int = 1280, height: int = 720) -> Page:
        """A new window with no address yet; what it says is not heard."""
        page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        page.set_default_timeout(PATIENCE)
        return page

    def _failed(self, error: Error) -> None:
        if LATE in str(error):
            self.late += 1
        else:
            self._complain(f"error: {error}")

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complain(f"console {message.type}: {message.text}")

    def _complain(self, text: str) -> None:
        if not any(word in text for word in NOT_OURS):
            self.complaints.append(text)

    def run_all(self, page: Page, path: str) -> dict[str, Any]:
        """Open a notebook in the lab and run it to its end."""
        found: dict[str, Any] = within(page, RUN_ALL, path, limit=4 * PATIENCE)
        return found

    def close_all(self, page: Page) -> None:
        """Close what is open and end its kernels; the lab's window stays."""
        within(page, SHUT_DOWN)

    def shut_down(self, page: Page) -> None:
        """Close what is open, end its kernels, and close the window."""
        self.close_all(page)
        page.context.close()


@contextmanager
def serve(folder: Path, *, theme: str = "JupyterLab Light", app: str = "LabApp") -> Iterator[Lab]:
    """JupyterLab on a copy of the notebooks, until the block ends; nothing of it is left then.

    With ``app="JupyterNotebookApp"`` it is Notebook 7, which has to be installed.
    """
    served, own = folder / "notebooks", folder / "own"
    update_copy(NOTEBOOKS, served)
    settings = {
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "apputils-extension/themes": {"theme": theme},
    }
    for name, values in settings.items():
        file = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    mine = {f"JUPYTER_{name}": str(own / name.lower()) for name in names}
    mine |= {
        "JUPYTERLAB_SETTINGS_DIR": str(own / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(own / "workspaces"),
        "IPYTHONDIR": str(own / "ipython"),
    }
    if app != "LabApp":  # which lists the extensions of a path of its own, and does not serve them
        there = os.environ.get("JUPYTER_PATH")
        mine["JUPYTER_PATH"] = os.pathsep.join([str(OURS.parent), *([there] if there else [])])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [
        "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0", f"--ServerApp.root_dir={served}",
        f"--IdentityProvider.token={TOKEN}", f"--{app}.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly", f"--{app}.extra_labextensions_path={OURS}",
    ]  # fmt: skip
    program = "jupyterlab" if app == "LabApp" else "notebook"
    log = (folder / "server.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        env=os.environ | mine, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    lab = Lab(served, f"http://127.0.0.1:{port}", process, theme)
    try:
        told_by(process, folder / "server.log", lab.answers)
        yield lab
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(30)
        log.close()
        _, left = psutil.wait_procs(children, timeout=10)
        for child in left:
            child.kill()
        assert not left, "kernels outlived the server"
