"""``xenexplore lab`` in a browser: our notebooks are trusted, and no news is asked about."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from browser.conftest import PATIENCE, within
from playwright.sync_api import Browser

from xenexplore.cli.lab import FIRST

NOTIFICATIONS = """async () => {
  const name = "@jupyterlab/apputils-extension:notification";
  return (await fetch(`/lab/api/settings/${name}`)).json();
}"""


def test_what_it_serves_is_trusted_and_asks_about_no_news(browser: Browser, tmp_path: Path) -> None:
    """What is not ours stays untrusted: the sign can say so."""
    folder, home = tmp_path / "notebooks", tmp_path / "home"
    home.mkdir()
    folder.mkdir()
    theirs = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="1")])]
    )
    nbformat.write(theirs, folder / "theirs.ipynb")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER")}
    with subprocess.Popen(
        [sys.executable, "-m", "xenexplore", "lab", "--dir", str(folder), "--port", "0",
         "--no-browser", "--json"],
        env=kept | {"HOME": str(home)}, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            process.stdout.readline()
            address = json.loads(process.stdout.readline())["address"]
            page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
            page.goto(address)
            page.get_by_title("Notebook trusted: ").wait_for(timeout=PATIENCE)
            # The lab asks about news some seconds after it is restored, where this says "none".
            news = within(page, NOTIFICATIONS)["schema"]["properties"]["fetchNews"]
            assert news["default"] == "false"
            page.goto(address.replace(FIRST, "theirs.ipynb"))
            page.get_by_title("Notebook not trusted: ").wait_for(timeout=PATIENCE)
            page.context.close()
        finally:
            process.terminate()
        assert process.wait(30) == 128 + 15
