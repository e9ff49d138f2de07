// The model, in a worker: Pyodide and the package, both from this site's folder engine/.

import { loadPyodide } from "../engine/pyodide.mjs";

const ENGINE = new URL("../engine/", import.meta.url);

const ready = (async () => {
  const archive = fetch(new URL("xenexplore.zip", ENGINE)).then((answer) => {
    if (!answer.ok) throw new Error(`xenexplore.zip: the server answers ${answer.status}`);
    return answer.arrayBuffer();
  });
  const python = await loadPyodide({ indexURL: ENGINE.href });
  const place = "/home/pyodide/packages";
  python.unpackArchive(await archive, "zip", { extractDir: place });
  python.runPython(`import sys; sys.path.insert(0, ${JSON.stringify(place)})`);
  return python.pyimport("xenexplore.site.live");
})();

self.addEventListener("message", async ({ data: { id, ask, words } }) => {
  try {
    const model = await ready;
    self.postMessage({ id, answer: ask === "ready" ? "" : model[ask](...words) });
  } catch (error) {
    self.postMessage({ id, error: String(error.message || error).trim().split("\n").pop() });
  }
});
