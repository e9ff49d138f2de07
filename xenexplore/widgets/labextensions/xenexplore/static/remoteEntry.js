// Commands of JupyterLab for xenexplore's views: a cell's view in a tab of its own, and a launcher
// card that opens the workbench in one.
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
    const panel = await app.commands.execute("notebook:create-new", { kernelName: app.serviceManager.kernelspecs.specs.default });
    await panel.context.ready;
    await panel.sessionContext.ready;
    panel.content.activeCell.model.sharedModel.setSource(WORKBENCH);
    await app.commands.execute("notebook:run-cell");
    await inTab(app, panel);
  };

  const activate = (app, tracker, palette, launcher) => {
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
