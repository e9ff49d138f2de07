"""How fast views answer in JupyterLab as it is installed, in headless Chromium.

Run it by hand: ``PYTHONPATH=.:tests python tests/bench/lab.py``.  In one notebook stand the
stepper of a short and of a very long run, the recording browser, and a widget that draws
nothing: it counts in one line of text, and its kernel only sends back what it is told.
Milliseconds, as median and 95th percentile:

key     an arrow key that repeats every 33 ms, from the event's own time stamp to the first
        task after the frame in which it is painted; "over nothing" is what the view adds
cpu     of the page's main thread for each of these keys: what no other work on the machine adds to
play    between two steps shown at 20 a second: 50 is what is asked for; and steps backwards
call    from a click on a recorded call to the view that has it painted; beside it a click on
        the widget that draws nothing, to the kernel and back
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from browser import lab as jupyter
from browser.conftest import chromium
from playwright.sync_api import CDPSession, Locator, Page

PRESSED = 200
NOTHING = '''import anywidget, traitlets
class Nothing(anywidget.AnyWidget):
    told = traitlets.Int(0).tag(sync=True)
    heard = traitlets.Int(0).tag(sync=True)
    _esm = """export default { render({ model, el }) {
      el.innerHTML = "<div class=nothing tabindex=0 data-lm-suppress-shortcuts=true>0</div>";
      const line = el.firstChild.firstChild;
      let count = 0;
      const say = () => { line.data = String(count += 1); };
      el.firstChild.addEventListener("keydown", event => { event.stopPropagation(); say(); });
      el.firstChild.addEventListener("click", () => {
        model.set("told", model.get("told") + 1);
        model.save_changes();
      });
      model.on("change:heard", say);
    } };"""
nothing = Nothing()
nothing.observe(lambda change: nothing.set_trait("heard", change["new"]), "told")
nothing'''
CELLS = (
    "import sys\nsys.path.insert(0, {tests!r})\nimport xenexplore as xe\nfrom browser import made",
    NOTHING,
    "xe.Stepper(made.stack_send(), step=0)",
    "xe.Stepper(made.longest(), step=0)",
    'xe.RecordingBrowser("pvh")',
)
# What is told of one element: the times of events of a kind, to the painted frame after a change.
WATCH = """([root, kind]) => {
  window.times = [];
  const painted = began => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => window.times.push(performance.now() - began);
    channel.port2.postMessage(0);
  });
  window.unwatch?.();
  let began = null;
  const heard = event => {
    if (kind === "keydown") painted(event.timeStamp);
    else began = event.timeStamp;
  };
  root.addEventListener(kind, heard, { capture: true });
  // A call brings a view of its own; the list beside it marks what was clicked at once.
  const drawn = node => (node.nodeType === 1 ? node : node.parentElement)?.closest(".xe, .nothing");
  const changed = new MutationObserver(records => {
    if (began === null || !records.some(one => [one.target, ...one.addedNodes].some(drawn))) return;
    painted(began);
    began = null;
  });
  const shown = root.closest(".jp-Cell");
  changed.observe(shown, { subtree: true, childList: true, characterData: true });
  window.unwatch = () => {
    root.removeEventListener(kind, heard, { capture: true });
    changed.disconnect();
  };
}"""
PLAY = """async root => {
  const stood = [], times = [];
  const watch = new MutationObserver(() => {
    stood.push(Number(root.dataset.step));
    times.push(performance.now());
  });
  watch.observe(root, { attributeFilter: ["data-step"] });
  await new Promise(done => setTimeout(done, 8000));
  watch.disconnect();
  const back = stood.filter((step, at) => at && step < stood[at - 1]).length;
  return [times.slice(1).map((time, at) => time - times[at]), back];
}"""


def say(name: str, times: list[float], least: list[float] | None = None) -> None:
    """Median and 95th percentile; and what they are over the widget that draws nothing."""
    both = [statistics.median(times), _p95(times)]
    line = f"  {name:34} median {both[0]:6.1f}   p95 {both[1]:6.1f}"
    if least is not None:
        over = both[0] - statistics.median(least), both[1] - _p95(least)
        line += "   over nothing {:5.1f} {:5.1f}".format(*over)
    print(f"{line}   ({len(times)})", flush=True)


def _p95(times: list[float]) -> float:
    return sorted(times)[int(0.95 * (len(times) - 1))]


def held(page: Page, root: Locator) -> tuple[list[float], float]:
    """A key that is held down: it repeats every 33 ms, and goes back before the end.

    Returns:
        The times to paint; and the main thread's CPU time for a key.
    """
    root.scroll_into_view_if_needed()
    root.focus()
    page.evaluate(WATCH, [root.element_handle(), "keydown"])
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _used(session)
    for number in range(PRESSED):
        key = "ArrowRight" if number // 12 % 2 == 0 else "ArrowLeft"
        until = time.monotonic() + 0.033
        page.keyboard.down(key)
        page.wait_for_timeout(max(0.0, 1000 * (until - time.monotonic())))
    for key in ("ArrowRight", "ArrowLeft"):
        page.keyboard.up(key)
    page.wait_for_function(f"times.length >= {PRESSED}")
    used = (_used(session) - before) / PRESSED
    session.detach()
    return list(page.evaluate("times")), used


def _used(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]  # since it was enabled
    return 1000 * float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def clicked(page: Page, root: Locator, targets: list[Locator]) -> list[float]:
    """One click after another, each when the one before is shown."""
    page.evaluate(WATCH, [root.element_handle(), "click"])
    for number, target in enumerate(targets, 1):
        target.click()
        page.wait_for_function(f"times.length >= {number}")
    return list(page.evaluate("times"))


def main() -> None:
    """Measure and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        jupyter.serve(Path(folder)) as lab,
    ):
        tests = str(Path(__file__).resolve().parents[1])
        lab.write("bench.ipynb", *(cell.replace("{tests!r}", repr(tests)) for cell in CELLS))
        page = lab.page(browser, width=1440, height=900)
        page.set_default_timeout(300_000)
        told = lab.run_all(page, "bench.ipynb")
        assert told["errors"] == [], told
        nothing, views = page.locator(".nothing"), page.locator(".xe")
        views.nth(2).wait_for()
        least, least_used = held(page, nothing)
        say("key, nothing drawn", least)
        for name, root in (("short", views.nth(0)), ("long", views.nth(1))):
            last = root.get_by_role("slider").get_attribute("max")
            times, used = held(page, root)
            say(f"key, {name} run, 0 to {last}", times, least)
            print(f"    cpu {used:.1f} ms a key, {least_used:.1f} with nothing drawn")
        root = views.nth(1)
        root.get_by_label("Speed").select_option("20")
        root.get_by_role("button", name="Play").click()
        times, back = page.evaluate(PLAY, root.element_handle())
        root.get_by_role("button", name="Pause").click()
        say(f"play at 20/s, {back} backwards", times)
        answers = clicked(page, nothing, [nothing] * 30)
        say("click, nothing drawn", answers)
        calls = page.get_by_role("listbox", name="Recorded calls")
        calls.scroll_into_view_if_needed()
        lines = calls.get_by_role("option")
        lines.nth(9).wait_for()
        targets = [lines.nth(1 + number % 8) for number in range(30)]
        say("call, to its view", clicked(page, calls, targets), answers)
        page.context.close()


if __name__ == "__main__":
    main()
