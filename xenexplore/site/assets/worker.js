// The model, in a worker: Pyodide and the package, both from this site's folder engine/.

import { loadPyodide } from "../engine/pyodide.mjs";
import { unpack } from "./unpack.js";

const ENGINE = new URL("../engine/", import.meta.url);

const ready = (async () => {
  const packed = (async () => {
    const answer = await fetch(new URL("xenexplore.trace", ENGINE));
    if (!answer.ok) throw new Error(`xenexplore.trace: the server answers ${answer.status}`);
    const whole = answer.body.pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(whole).arrayBuffer());
  })();
  packed.catch(() => {}); // told below, once Python is there
  const python = await loadPyodide({ indexURL: ENGINE.href });
  unpack(python, await packed, "/packed");
  python.runPython("import sys; sys.path.insert(0, '/packed'); sys.dont_write_bytecode = True");
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
