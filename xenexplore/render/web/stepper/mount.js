// The module's exports: mount() for a page, the default for anywidget.

// Show a trace or a comparison in `el`.  Options: `step` (from 0; of a comparison -1: all at their
// ends), `onStep(step)`, `python` (the lines that show the same), `share(kind)` and `gives` (for
// share.js), `deepLink` (keep `#step=N` or
// `#step=end` in the page's address, and follow it).
export function mount(el, data, options = {}) {
  const linked = () => {
    const [, at] = /(?:^#|&)step=(\d+|end)/.exec(location.hash) || [];
    return at === undefined ? null : at === "end" ? (data.traces ? -1 : Infinity) : Number(at);
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
  const view = data.traces ? new Comparison(el, data, given) : new Stepper(el, data, given);
  if (options.deepLink) view.root.focus({ preventScroll: true });
  if (options.deepLink)
    addEventListener("hashchange", () => { if (linked() !== null) view.show(linked()); }, { signal: view.abort.signal });
  return view;
}

// What the kernel makes of the step on show, as text and picture.
function asked(model, kind) {
  return new Promise((done, fail) => {
    const told = (message) => {
      if (message?.share) end(() => done(message.share));
    };
    const late = setTimeout(() => end(() => fail(new Error("no kernel"))), 10_000);
    const end = (act) => {
      clearTimeout(late);
      model.off("msg:custom", told);
      act();
    };
    model.on("msg:custom", told);
    model.send({ share: kind });
  });
}

// anywidget: the data comes once, and whole again when another run is shown; the step goes both ways.
function render({ model, el }) {
  let view = null;
  const turns = new Turns(model, (step) => view.show(step));
  const begin = () => {
    view?.destroy();
    turns.begin();
    view = mount(el, JSON.parse(model.get("data")), {
      step: turns.now.step,
      python: model.get("code"),
      share: (kind) => asked(model, kind),
      gives: ["link", "html"],
      onStep: (step) => turns.go(step),
      onPick: (keys) => {
        model.set("chosen", keys);
        model.save_changes();
      },
    });
    view.pickKeys?.(model.get("chosen") || "");
  };
  const chosen = () => view.pickKeys?.(model.get("chosen") || "");
  // What a call has done is played from its first step, unless motion is not wanted; Space, a key
  // or a click stops it.
  const plays = () => {
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) view.play?.(true);
  };
  begin();
  model.on("change:data", begin);
  model.on("change:chosen", chosen);
  model.on("change:plays", plays);
  return () => {
    model.off("change:data", begin);
    model.off("change:chosen", chosen);
    model.off("change:plays", plays);
    turns.end();
    view.destroy();
  };
}

export default { render };
