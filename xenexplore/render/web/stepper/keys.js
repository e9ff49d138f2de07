// What keys and clicks do in a stepper.

// JupyterLab's single-key shortcuts (a, b, x, d d) look at the focused element itself before its
// ancestors, so the mark on the root is not enough: a button inside would insert and delete cells.
export const keepKeys = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");

/**
 * @param {import("./stepper.js").Stepper} view
 * @param {any} event
 */
export function keyPressed(view, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const target = event.target;
  const tag = target.tagName;
  if (tag === "SELECT") return;
  if (target === view.finder) {
    if (event.key === "Enter") view.again(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") view.root.focus({ preventScroll: true });
    event.stopPropagation();
    return;
  }
  if (target === view.marks.input) {
    if (event.key === "Enter" || event.key === "Escape") view.root.focus({ preventScroll: true });
    event.stopPropagation();
    return;
  }
  if (view.legend.box.contains(target) && event.key !== "Escape" && event.key !== "?") {
    event.stopPropagation();
    return;
  }
  const control = tag === "BUTTON" || tag === "SUMMARY";
  const act = {
    ArrowRight: () => view.step(1),
    j: () => view.step(1),
    ArrowLeft: () => view.step(-1),
    k: () => view.step(-1),
    Home: () => view.go(0),
    End: () => view.go(view.run.length - 1),
    PageDown: () => view.go(view.run.landmark(view.index, 1)),
    PageUp: () => view.go(view.run.landmark(view.index, -1)),
    " ": control ? null : () => view.play(!view.timer),
    Enter:
      control && !target.matches(".xe-row")
        ? null
        : () => (target.matches(".xe-box") ? view.go(Number(target.dataset.go)) : view.enter()),
    "+": () => view.map.setZoom(view.map.zoom + 1),
    "=": () => view.map.setZoom(view.map.zoom + 1),
    "-": () => view.map.setZoom(view.map.zoom - 1),
    0: () => view.map.setZoom(0),
    Escape:
      view.tab.on ||
      view.tour.open ||
      view.legend.open ||
      !view.bubble.box.hidden ||
      view.pinned ||
      view.map.selected !== null
        ? () => view.escape()
        : null,
    "?": () => view.legend.toggle(),
    "/": () => view.finder.focus(),
    n: () => view.again(1),
    N: () => view.again(-1),
    t: () => (view.tour.open ? view.tour.leave() : view.tour.begin()),
    b: view.options.embedded ? null : () => view.marks.toggle(),
    "[": () => view.toMark(-1),
    "]": () => view.toMark(1),
    r: () => view.path.set(!view.path.drawn),
    f: view.options.embedded ? null : () => view.tab.set(!view.tab.on),
    ArrowDown: target === view.parts.mapbox ? () => view.map.cycle(1) : null,
    ArrowUp: target === view.parts.mapbox ? () => view.map.cycle(-1) : null,
  }[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}
/**
 * @param {import("./stepper.js").Stepper} view
 * @param {any} event
 */
export function clicked(view, event) {
  const act = event.target.closest("[data-act]");
  const go = event.target.closest("[data-go]");
  if (act) {
    const kind = act.dataset.act;
    if (kind === "prev") view.step(-1);
    else if (kind === "next") view.step(1);
    else if (kind === "play") view.play(!view.timer);
    else if (kind === "zoom") view.map.setZoom(Number(act.dataset.zoom));
    else if (kind === "as") view.path.set(act.dataset.as === "drawn");
    else if (kind === "bits") view.rows.toggleBits(Number(act.dataset.at));
    else if (kind === "table") view.tables.toggle(act);
    else if (kind === "fold") view.fold(Number(act.dataset.at));
    else if (kind === "share") view.share.give(act.dataset.kind);
    else if (kind === "mark") view.marks.toggle();
    else if (kind === "full") view.tab.set(!view.tab.on);
    else if (kind === "tour") {
      view.legend.toggle(false);
      view.tour.begin();
    } else if (kind === "tournext") view.tour.go(view.tour.at + 1);
    else if (kind === "tourback") view.tour.go(view.tour.at - 1);
    else if (kind === "tourleave") view.tour.leave();
    else if (kind === "legend") view.legend.toggle();
    else if (kind === "counts") view.foldCounts(act);
  } else if (go) {
    view.go(Number(go.dataset.go));
  } else view.pick(event.target.closest(".xe-mapsvg [data-k],.xe-mapsvg [data-t],[data-k]"));
}
