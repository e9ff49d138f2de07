// Show a view in a page, its step in the page's address where that is wanted.

/**
 * `options.deepLink`: keep `#step=N` or `#step=end` in the page's address, and follow it.
 * @template {{root: HTMLElement, abort: AbortController, show(step: number): void}} View
 * @param {(options: import("./types.js").Options) => View} make
 * @param {number} end what `end` means
 * @param {import("./types.js").Options} options
 * @returns {View}
 */
export function shown(make, end, options = {}) {
  const linked = () => {
    const [, at] = /(?:^#|&)step=(\d+|end)/.exec(location.hash) || [];
    return at === undefined ? null : at === "end" ? end : Number(at);
  };
  const given = { ...options };
  if (options.deepLink) {
    given.step = linked() ?? options.step;
    let waiting = 0;
    given.onStep = (step) => {
      // Not within the step itself: the browser takes as long for it as for drawing a view.
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        try {
          history.replaceState(null, "", `#step=${step < 0 ? "end" : step}`);
        } catch {
          // A frame made from srcdoc has no address of its own.
        }
      }, 40);
      options.onStep?.(step);
    };
  }
  const view = make(given);
  if (options.deepLink) view.root.focus({ preventScroll: true });
  if (options.deepLink)
    addEventListener(
      "hashchange",
      () => {
        if (linked() !== null) view.show(linked());
      },
      { signal: view.abort.signal },
    );
  return view;
}
