// Runs of edited scenarios: asks of the worker, and its answers.

let worker = null;
let broken = null;
let next = 0;
const waiting = new Map();

function ask(name, ...words) {
  if (broken) return Promise.reject(broken);
  return new Promise((resolve, reject) => {
    const id = (next += 1);
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ask: name, words });
  });
}

class Refused extends Error {
  constructor(message, line, of) {
    super(message);
    this.line = line;
    this.of = of;
  }
}

const model = {
  async made(text, option, design) {
    const answer = JSON.parse(await ask("made", text, option, design));
    if (answer.error !== undefined) throw new Refused(answer.error, answer.line, answer.of);
    return { ...answer, source: text, more: async () => JSON.parse(await ask("more", text, option, design)) };
  },
  svg: (text, option, step, design) => ask("picture", text, option, step, design),
};

let begun = null;
// `tell` says what goes on while the engine is loaded, which takes some seconds the first time.
export function start(tell) {
  if (begun) return begun;
  tell("Loading the model: about 7 MB, once…");
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.addEventListener("message", ({ data: { id, answer, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(answer);
    else reject(new Error(error));
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    broken = new Error("The model cannot be loaded in this browser: run the scenario with xenexplore run FILE");
    for (const { reject } of waiting.values()) reject(broken);
    waiting.clear();
  });
  begun = ask("ready").then(() => {
    tell("");
    return model;
  });
  begun.catch(() => { begun = null; worker.terminate(); broken = null; });
  return begun;
}
