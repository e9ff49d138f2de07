// What JupyterLab runs: anywidget's default export, and what the site imports.

import { mount } from "./page.js";
import { canvasOf } from "./share.js";
import { Turns } from "./turns.js";

// What the kernel makes of the step on show, as text and picture.
/**
 * @param {import("./types.js").Model} model
 * @param {string} kind
 */
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
/** @param {{model: import("./types.js").Model, el: HTMLElement}} given */
function render({ model, el }) {
  /** @type {any} */
  let view = null;
  const turns = new Turns(model, (step) => view.show(step));
  const begin = () => {
    const place = view && { width: view.width, sizes: view.sizes };
    view?.destroy();
    turns.begin();
    view = mount(el, JSON.parse(model.get("data")), {
      place,
      step: turns.now.step,
      python: model.get("code"),
      folded: model.get("folded"),
      share: (kind) => asked(model, kind),
      gives: ["link", "html"],
      onStep: (step) => turns.go(step),
      onMarks: (marks) => {
        model.set("marks", marks);
        model.save_changes();
      },
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
  const busy = () => view.root.classList.toggle("is-busy", Boolean(model.get("busy")));
  begin();
  model.on("change:data", begin);
  model.on("change:busy", busy);
  model.on("change:chosen", chosen);
  model.on("change:plays", plays);
  return () => {
    model.off("change:data", begin);
    model.off("change:busy", busy);
    model.off("change:chosen", chosen);
    model.off("change:plays", plays);
    turns.end();
    view.destroy();
  };
}

export { canvasOf, mount };
export default { render };
