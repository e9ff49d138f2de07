"""How long one step of the stepper takes, from key press to paint, in headless Chromium.

Run it by hand: ``python tests/bench/stepper.py``.  For each path (a short one and a
long one) and for single steps and jumps it prints, as median and 95th percentile:

cpu      CPU time of the browser's main thread for one step, all of it: script,
         style, layout, paint; what a machine with nothing else to do would take
script   the key's handler, all views drawn, style and layout forced (wall clock)
paint    from the key event's own time stamp to the first task after the frame in
         which the step is painted

Keys are pressed as by a person, 40 to 90 ms apart; "held down" has them as fast as
the browser takes them.  Beside it, in the same run: a page that only counts in one
line of text, which is what any page needs at least; and what a kernel-side view would
have to do for one step at least, a matplotlib figure of as many marks drawn into PNG
bytes, new each time (Output + clear_output) and reused; without the way from the
kernel to the browser, which comes on top.
"""

from __future__ import annotations

import io
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser import made
from browser.conftest import chromium
from playwright.sync_api import Browser, Page

from xenexplore.render.web.page import trace_html

STEPS = 200
LEAST = """<!DOCTYPE html><title>least</title><div class="xe" tabindex="0">0</div><script>
let count = 0;
const line = document.querySelector(".xe");
line.addEventListener("keydown", () => { line.firstChild.data = String(count += 1); });
</script>"""

WATCH = """() => {
  window.times = [];
  const root = document.querySelector(".xe");
  addEventListener("keydown", event => { window.began = performance.now(); }, true);
  // Bubbling ends at the stepper, so what comes after its handler is watched on itself.
  root.addEventListener("keydown", event => {
    root.getBoundingClientRect();
    const entry = { script: performance.now() - window.began };
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        entry.paint = performance.now() - event.timeStamp;
        window.times.push(entry);
      };
      channel.port2.postMessage(0);
    });
  });
}"""


def measure(
    page: Page, key: str, back: str, run: int, apart: tuple[float, float] = (40, 90)
) -> list[dict[str, float]]:
    """Press keys, ``run`` times forwards and as often back, ``apart`` milliseconds."""
    page.evaluate("times.length = 0")
    pauses = random.Random(1)
    for number in range(STEPS):
        page.keyboard.press(key if number // run % 2 == 0 else back)
        page.wait_for_timeout(pauses.uniform(*apart))
    page.wait_for_timeout(100)
    found: list[dict[str, float]] = page.evaluate("times")
    return found


def cpu(page: Page, key: str, back: str, run: int) -> list[float]:
    """Main-thread CPU milliseconds of each step, as the browser counts them."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def used() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    found = []
    for number in range(STEPS // 2):
        before = used()
        page.keyboard.press(key if number // run % 2 == 0 else back)
        page.wait_for_timeout(30)
        found.append(used() - before)
    session.detach()
    return found


def idle(page: Page) -> float:
    """What the measuring itself costs: the same without a key."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = []
    for _ in range(30):
        answer = session.send("Performance.getMetrics")["metrics"]
        metrics.append(1000 * next(m["value"] for m in answer if m["name"] == "TaskDuration"))
        page.wait_for_timeout(30)
    session.detach()
    return statistics.median(b - a for a, b in pairwise(metrics))


def least(browser: Browser, file: Path) -> None:
    """What the smallest page needs from key press to paint."""
    file.write_text(LEAST, encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"file://{file}")
    page.locator(".xe").focus()
    page.evaluate(WATCH)
    print("the smallest page:")
    for title, apart in (("one step", (40, 90)), ("held down", (0, 0))):
        times = measure(page, "ArrowRight", "ArrowRight", 12, apart)
        say(f"{title}, to paint", [entry["paint"] for entry in times])
    page.close()


def say(name: str, values: list[float]) -> None:
    ordered = sorted(values)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(f"  {name:34} median {statistics.median(ordered):7.2f}   p95 {p95:7.2f} ms")


def drawn(reuse: bool) -> Callable[[], None]:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    kept = plt.figure(figsize=(9, 5)) if reuse else None

    def draw() -> None:
        figure = kept or plt.figure(figsize=(9, 5))
        figure.clear()
        axes = figure.add_subplot()
        for number in range(26):
            axes.plot([number, number + 1], [1, 1], marker="o")
            axes.text(number, 1.1, f"step {number}")
        figure.savefig(io.BytesIO(), format="png")
        if not reuse:
            plt.close(figure)

    return draw


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for name, trace in (
            (f"{len(made.stack_send())} steps", made.stack_send()),
            (f"{len(made.longest())} steps", made.longest()),
        ):
            file = Path(folder) / "page.html"
            began = time.perf_counter()
            file.write_text(trace_html(trace), encoding="utf-8")
            written = time.perf_counter() - began
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            began = time.perf_counter()
            page.goto(f"file://{file}")
            page.locator(".xe").focus()
            opened = time.perf_counter() - began
            print(
                f"{name}: {file.stat().st_size:,} bytes, written in {written:.2f} s, "
                f"opened in {opened:.2f} s"
            )
            page.get_by_role("slider").fill(str(len(trace) // 2))
            page.locator(".xe").focus()
            page.evaluate(WATCH)
            print(f"  of each cpu figure the measuring itself is {idle(page):.2f} ms")
            for title, key, back, run in (
                ("one step", "ArrowRight", "ArrowLeft", 12),
                ("one copy or call", "PageDown", "PageUp", 2),
                ("to the ends", "End", "Home", 1),
            ):
                times = measure(page, key, back, run)
                say(f"{title}, cpu", cpu(page, key, back, run))
                say(f"{title}, script", [entry["script"] for entry in times])
                say(f"{title}, to paint", [entry["paint"] for entry in times])
            held = measure(page, "ArrowRight", "ArrowLeft", 12, (0, 0))
            say("held down, to paint", [entry["paint"] for entry in held])
            page.close()
        least(browser, Path(folder) / "least.html")
    print("beside it: matplotlib to PNG, in the kernel, nothing sent yet")
    for name, reuse in (("a new figure", False), ("a figure reused", True)):
        draw = drawn(reuse)
        draw()
        times_ms = []
        for _ in range(30):
            began = time.perf_counter()
            draw()
            times_ms.append(1000 * (time.perf_counter() - began))
        say(name, times_ms)


if __name__ == "__main__":
    main()
