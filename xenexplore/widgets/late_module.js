// What anywidget imports for each of our views: little, so that it is there in time.
//
// anywidget 0.11 gives a module two seconds from the making of its model (Runtime of its
// packages/anywidget/src/runtime.ts).  A model whose module comes later is drawn all the same, but
// each message from the kernel waits for a promise that is rejected by then: it hears nothing more.
// A busy machine needs that long for a notebook of many views.  So the module proper travels as a
// trait, and is imported once for a page, when its first view is drawn.
const modules = (globalThis[Symbol.for("xenexplore.modules")] ??= new Map());

const imported = (text) => {
  if (!modules.has(text)) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const coming = import(url).finally(() => URL.revokeObjectURL(url));
    coming.catch(() => modules.delete(text));
    modules.set(text, coming);
  }
  return modules.get(text);
};

// The model itself: anywidget hands out a few methods of it, and calls listeners with their view.
const ownModel = (model) => {
  let own = null;
  /** @this {any} */
  const found = function () {
    own = this?.model ?? null;
  };
  model.on("change:drawn", found);
  model.set("drawn", model.get("drawn") + 1);
  model.off("change:drawn", found);
  return own;
};

// A model that was late after all hears again: by the way of the class that anywidget's is made
// from, beginning with what it has missed.
const hearAgain = async (model) => {
  const own = ownModel(model);
  const deaf = own ? Object.getPrototypeOf(own) : null;
  const heard = deaf ? Object.getPrototypeOf(deaf)._handle_comm_msg : null;
  if (!own?.comm?.on_msg || !heard || !Object.hasOwn(deaf, "_handle_comm_msg")) return;
  try {
    await own._handle_comm_msg({ content: { data: {} } }); // a message that says nothing
  } catch {
    own.comm.on_msg((message) => heard.call(own, message));
    own.comm.send({ method: "request_state" });
  }
};

export default {
  async render(given) {
    const { default: view } = await imported(given.model.get("module"));
    void hearAgain(given.model);
    return view.render(given);
  },
};
