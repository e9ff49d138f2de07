// node same_runs.mjs SITE [SCENARIO...]: every run of a site, made again by its own Pyodide.
//
// Prints each run whose JSON is not byte for byte the one that CPython wrote into the site, and a
// count; the status is 1 if there is one.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { inflateSync } from "node:zlib";

const site = resolve(process.argv[2]);
const { loadPyodide } = await import(pathToFileURL(join(site, "engine/pyodide.mjs")).href);
const ours = (name) => import(`data:text/javascript,${encodeURIComponent(readFileSync(join(site, "assets", name), "utf8"))}`);
const [{ unpack }, { textOf }] = await Promise.all([ours("unpack.js"), ours("texts.js")]);
const python = await loadPyodide({ indexURL: join(site, "engine/"), packages: [] });
unpack(python, new Uint8Array(inflateSync(readFileSync(join(site, "engine/xenexplore.trace")))), "/packed");
python.runPython("import sys; sys.path.insert(0, '/packed')");
const model = python.pyimport("xenexplore.site.live");
const hash = (data) => createHash("sha256").update(data).digest("hex");
const names = process.argv.length > 3 ? process.argv.slice(3)
  : readdirSync(join(site, "data")).filter((name) => existsSync(join(site, "data", name, "index.trace"))).sort();
let runs = 0, different = 0;
for (const name of names) {
  const index = JSON.parse(inflateSync(readFileSync(join(site, "data", name, "index.trace"))));
  for (const { label, run } of index.options) {
    const here = JSON.parse(model.made(index.text, label));
    runs += 1;
    if (here.error !== undefined || hash(here.text) !== hash(textOf(index, run))) {
      different += 1;
      console.log(`${name} under ${label}: ${here.error ?? "another trace"}`);
    }
  }
}
const version = python.runPython("import platform; platform.python_version()");
const what = `${runs} runs of ${names.length} scenarios in Pyodide (Python ${version})`;
console.log(`${what}: ${different} differ from CPython's`);
process.exit(different || !runs ? 1 : 0);
