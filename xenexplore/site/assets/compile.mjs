// Run by node when a site is made: node compile.mjs FOLDER
//
// FOLDER holds Pyodide's files and packed.bin, the package as worker.js gets it.  Runs a scenario, and
// writes besides, as the bytecode of Pyodide's own Python: compiled/, what that imported, and
// library/, what Pyodide itself imports from its standard library before it answers.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { unpack } from "./unpack.js";

const folder = process.argv[2];
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: `${folder}/`, packages: [] });
unpack(python, new Uint8Array(readFileSync(join(folder, "packed.bin"))), "/packed");
const made = python.runPython(`
import ast, importlib.util, marshal, sys, zipfile
sys.path.insert(0, "/packed")
sys.dont_write_bytecode = True
before = set(sys.modules)
from xenexplore.site import live
from xenexplore.scenario.library.builtin import builtin_text
archive = next(path for path in sys.path if path.endswith(".zip"))
library = zipfile.ZipFile(archive)
for name in ("straddle", "multicall-bits", "encryption-flips"):
    assert "error" not in live.made(builtin_text(name))[:20], name
live.more(builtin_text("straddle"), "linear-walk")
NO_NETWORK = ("html/parser.py", "urllib/request.py", "urllib/robotparser.py")  # pages and sockets
used = {}
packages = {}
for name, module in sorted(sys.modules.items()):
    source = getattr(module, "__file__", None) or ""
    if name not in before and source.endswith(".py"):
        if source.startswith("/packed/"):
            used[source.removeprefix("/packed/")] = open(source, "rb").read()
        elif source.startswith(archive + "/"):
            packages[name.partition(".")[0]] = True
# A package of the standard library is compiled whole or not at all: a part would hide the rest.
for name in packages:
    parts = [one for one in library.namelist()
             if one == name + ".py"
             or one.startswith(name + "/") and one.endswith(".py") and one not in NO_NETWORK]
    if name not in before and sum(library.getinfo(one).file_size for one in parts) < 200_000:
        used |= {one: library.read(one) for one in parts}
# Docstrings are a fifth of the bytecode.  Those of designs and of records of scenarios are read, and stay.
def tree(data, name):
    read = any(room in name for room in ("/options/", "/hypervisor/design", "/scenario/model/", "pyodide"))
    kinds = (ast.Module, ast.FunctionDef, *(() if read else (ast.ClassDef,)))
    found = ast.parse(data, name)
    for node in ast.walk(found):
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.copy_location(ast.Pass(), node.body[0])]
    return found
head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)  # PEP 552: never checked
def bytecode(name, data):
    return head + marshal.dumps(compile(tree(data, name), name, "exec", dont_inherit=True))
# Pyodide copies docstrings of its own: those stay.
loaded = {
    module.__file__.removeprefix(archive + "/")
    for name in before if (module := sys.modules[name])
    if type(getattr(module, "__loader__", None)).__name__ == "zipimporter"
}
found = {f"compiled/{one}": bytecode(one, data) for one, data in used.items()}
found | {f"library/{one}": bytecode(one, library.read(one)) for one in sorted(loaded)}
`).toJs({ dict_converter: Array.from });
for (const [name, data] of made) {
  const place = join(folder, `${name}c`);
  mkdirSync(dirname(place), { recursive: true });
  writeFileSync(place, data);
}
process.exit(0);
