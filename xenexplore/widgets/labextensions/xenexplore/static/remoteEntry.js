// What JupyterLab does for xenexplore's views: commands (a cell's view in a tab of its own, a launcher
// card that opens the workbench in one), and a second attempt where a view did not come up.
//
// A federated extension is a container with init() and get() under window._JUPYTERLAB; what it
// takes from the lab comes out of the share scope.  This one is written by hand, so that no build
// step and no Node are needed.
(() => {
  const NAME = "xenexplore";
  const WORKBENCH = "import xenexplore as xe\n\nxe.Workbench()";
  let scope = {};

  // A module that the lab shares, or null where it has none.
  const shared = async (name) => {
    const [version] = Object.values(scope[name] ?? {});
    return version ? (await version.get())() : null;
  };

  // The output of a notebook's current cell as a tab beside the notebook's.
  const inTab = async (app, panel) => {
    const main = () => [...app.shell.widgets("main")];
    const before = new Set(main());
    await app.commands.execute("notebook:create-output-view");
    const view = main().find((widget) => !before.has(widget));
    if (!view) return;
    view.title.label = panel.title.label.replace(/\.ipynb$/, ": view");
    app.shell.add(view, "main", { mode: "tab-after", ref: panel.id });
    app.shell.activateById(view.id);
  };

  const workbench = async (app) => {
    const kernelName = app.serviceManager.kernelspecs.specs.default;
    const panel = await app.commands.execute("notebook:create-new", { kernelName });
    await panel.context.ready;
    await panel.sessionContext.ready;
    panel.content.activeCell.model.sharedModel.setSource(WORKBENCH);
    await app.commands.execute("notebook:run-cell");
    await inTab(app, panel);
  };

  // ipywidgets looks for a view's model for two seconds, a tenth apart, and does not look again after
  // the last pause (get_model() of @jupyter-widgets/base-manager 1.0; renderModel() of its
  // jupyterlab-manager 5.0).  A model that is restored in that pause is never shown: on a busy machine
  // one notebook in a few, opened again on its live kernel, has this line in place of a view.
  const VIEW = "application/vnd.jupyter.widget-view+json";
  const LOST = "Error displaying widget: model not found";
  const ATTEMPTS = [200, 1500, 4000]; // ms

  // The JupyterLab widget that drew a node, below another one.
  const drawer = (widget, node) => {
    if (widget.node === node) return widget;
    for (const child of widget.children?.() ?? []) {
      const found = child.node.contains(node) && drawer(child, node);
      if (found) return found;
    }
    return null;
  };

  // The saved output that a node stands for, and what drew it; null where no picture is saved with it.
  const outputOf = (panel, node) => {
    const cell = panel.content.widgets.find((one) => one.outputArea && one.node.contains(node));
    const at = cell ? cell.outputArea.widgets.findIndex((one) => one.node.contains(node)) : -1;
    const model = at < 0 ? null : cell.outputArea.model.get(at);
    const html = String(model?.data["text/html"] ?? "");
    const pictured = /^<img alt="[^"]*" src="data:image\/svg/.test(html);
    return pictured ? { model, renderer: drawer(cell.outputArea.widgets[at], node) } : null;
  };

  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // Whether the notebook's kernel still has a view's model.
  const lives = async (panel, id) => {
    const kernel = panel.sessionContext.session?.kernel;
    if (kernel?.connectionStatus !== "connected") return false;
    const { content } = await kernel.requestCommInfo({ target_name: "jupyter.widget" });
    return id in (content.comms ?? {});
  };

  // Ask for the view again; where the kernel does not have it, show the picture that is saved with it.
  const mend = async (panel, node) => {
    const { model, renderer } = outputOf(panel, node) ?? {};
    if (!renderer?.renderModel) return;
    const lost = () => !renderer.isDisposed && node.textContent === LOST;
    for (const ms of ATTEMPTS) {
      if (!(await lives(panel, model.data[VIEW].model_id))) break;
      await pause(ms);
      if (lost()) await renderer.renderModel(model);
      if (!lost()) return;
    }
    await instead(panel, node, LOST);
  };

  // The saved picture in place of a message, if that still stands there.
  const instead = async (panel, node, message) => {
    const { model, renderer } = outputOf(panel, node) ?? {};
    if (!renderer?.addWidget) return;
    const still = panel.content.rendermime.createRenderer("text/html");
    await still.renderModel(model);
    if (renderer.isDisposed || node.textContent !== message) return;
    node.textContent = "";
    renderer.addWidget(still);
  };

  // A saved picture has the colours that the page asks for, and JupyterLab's themes ask for none.
  const PICTURE = '.jp-OutputArea-output img[src^="data:image/svg+xml"]';
  const inTheme = () => {
    const style = document.createElement("style");
    const rule = (scheme) =>
      `[data-jp-theme-light="${scheme === "light"}"] ${PICTURE} { color-scheme: ${scheme} !important; }`;
    style.textContent = rule("light") + rule("dark");
    document.head.append(style);
  };

  // In a notebook that is opened without a kernel ipywidgets waits for one for ever, and takes none that
  // comes later (its jupyterlab-manager 5.0 asks once, and fails).
  const WAITING = "Loading widget...";
  const MANAGER = "@jupyter-widgets/jupyterlab-manager";

  const withoutKernel = async (panel) => {
    const { sessionContext } = panel;
    await sessionContext.ready;
    const none = () => !panel.isDisposed && !sessionContext.session?.kernel;
    if (!none()) return;
    const show = () => {
      for (const node of panel.content.node.querySelectorAll(".jp-OutputArea-output")) {
        if (!node.childElementCount && node.textContent === WAITING) void instead(panel, node, WAITING);
      }
    };
    const end = whenChanged(panel, show);
    sessionContext.kernelChanged.connect(async function begun() {
      if (none()) return;
      sessionContext.kernelChanged.disconnect(begun);
      end();
      (await shared(MANAGER))?.registerWidgetManager(panel.context, panel.content.rendermime, []);
    });
  };

  // Look now and whenever something is added to a notebook; what is returned ends it.
  const whenChanged = (panel, look) => {
    const observer = new MutationObserver(look);
    observer.observe(panel.content.node, { childList: true, subtree: true });
    const end = () => observer.disconnect();
    panel.disposed.connect(end);
    look();
    return end;
  };

  const watch = (panel) => {
    const tried = new WeakSet(); // but for those that came back: they may be lost again
    whenChanged(panel, () => {
      for (const node of panel.content.node.querySelectorAll(".jp-OutputArea-output.jupyter-widgets")) {
        if (tried.has(node) || node.textContent !== LOST) continue;
        tried.add(node);
        void mend(panel, node).finally(() => {
          if (node.textContent !== LOST) tried.delete(node);
        });
      }
    });
    void withoutKernel(panel);
  };

  const activate = (app, tracker, palette, launcher) => {
    inTheme();
    tracker.forEach(watch);
    tracker.widgetAdded.connect((_, panel) => watch(panel));
    const open = `${NAME}:view-in-tab`, begin = `${NAME}:workbench`;
    app.commands.addCommand(open, {
      label: "Xen: Open This Cell's View in a Tab of Its Own",
      isEnabled: () => tracker.currentWidget !== null,
      execute: () => inTab(app, tracker.currentWidget),
    });
    app.commands.addCommand(begin, {
      label: (args) => (args.isLauncher ? "Xen Workbench" : "Xen: Open the Workbench"),
      caption: "Step through Xen's hypercall-buffer designs",
      execute: () => workbench(app),
    });
    for (const command of [open, begin]) palette?.addItem({ command, category: "Xen" });
    launcher?.add({ command: begin, category: "Notebook", rank: 90, args: { isLauncher: true } });
  };

  const plugin = async () => {
    const wanted = { notebook: "INotebookTracker", apputils: "ICommandPalette", launcher: "ILauncher" };
    const tokens = await Promise.all(
      Object.entries(wanted).map(async ([name, token]) => (await shared(`@jupyterlab/${name}`))?.[token]),
    );
    const [tracker, ...others] = tokens;
    if (!tracker) throw new Error(`${NAME}: this JupyterLab shares no notebook tracker`);
    const optional = others.filter(Boolean);
    return { id: `${NAME}:views`, autoStart: true, requires: [tracker], optional, activate };
  };

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init: (given) => {
      scope = given;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`${NAME}: no module ${module}`);
      const found = await plugin();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
