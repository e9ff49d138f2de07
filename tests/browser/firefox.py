"""Firefox, driven over its own WebDriver BiDi socket: no driver program is needed."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browser.conftest import told_by
from websocket import WebSocket, create_connection

__all__ = ["Firefox", "firefox"]


class Firefox:
    """One tab of a headless Firefox."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.errors: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        self.requests: list[str] = []
        contexts = self.command("browsingContext.getTree")["contexts"]
        self._tab = contexts[0]["context"]

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer; events on the way are kept."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                assert message["type"] == "success", message
                result: dict[str, Any] = message["result"]
                return result
            self._event(message)

    def _event(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "log.entryAdded" and params.get("level") in ("error", "warn"):
            self.errors.append(str(params.get("text")))
        if message.get("method") == "network.beforeRequestSent":
            self.requests.append(params["request"]["url"])

    def open(self, url: str) -> None:
        """Load a page and wait until it is complete."""
        self.command("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.command(
            "script.evaluate",
            expression=expression,
            target={"context": self._tab},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release one key."""
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.command(
            "input.performActions",
            context=self._tab,
            actions=[{"type": "key", "id": "keyboard", "actions": actions}],
        )

    def click(self, x: int, y: int) -> None:
        """Click at a place of the viewport."""
        actions = [
            {"type": "pointerMove", "x": x, "y": y},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        self.command(
            "input.performActions",
            context=self._tab,
            actions=[{"type": "pointer", "id": "mouse", "actions": actions}],
        )


@contextmanager
def firefox(home: Path) -> Iterator[Firefox]:
    """A headless Firefox with a profile of its own, ended afterwards."""
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    assert program, "install Firefox: apt-get install firefox-esr"
    profile = home / "profile"
    profile.mkdir(parents=True)
    command = [program, "--headless", "--no-remote", "--profile", str(profile)]
    log = home / "firefox.log"  # not a pipe, which fills up once it is not read on
    with log.open("wb") as told:
        process = subprocess.Popen(
            [*command, "--remote-debugging-port", "0", "about:blank"],
            stderr=told,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(home)},
        )
    try:
        address = told_by(process, log, lambda: _address(log))
        socket = create_connection(f"{address}/session", timeout=60, suppress_origin=True)
        try:
            yield Firefox(socket)
        finally:
            socket.close()
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(log: Path) -> str | None:
    said = log.read_text("utf-8", "replace")
    found = re.search(r"WebDriver BiDi listening on (ws://\S+)\n", said)
    return found[1] if found else None
