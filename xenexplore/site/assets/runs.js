// The runs of a site, as xenexplore/site/runs.py packs them.

import { inflated } from "./links.js";

const ROOT = new URL("..", import.meta.url);
const kept = new Map();

// A file of data/, as text; once.
export async function load(name) {
  if (!kept.has(name)) {
    const got = (async () => {
      const answer = await fetch(new URL(`data/${name}`, ROOT));
      if (!answer.ok) throw new Error(`${name}: the server answers ${answer.status}`);
      return new TextDecoder().decode(await inflated(await answer.arrayBuffer()));
    })();
    got.catch(() => kept.delete(name));
    kept.set(name, got);
  }
  return kept.get(name);
}

// As comparison_json() of xenexplore/render/web/page.py joins them.
export function joinedRuns(head, traces) {
  const ended = traces.map((trace) => trace.trimEnd());
  return `${head},\n"traces":[\n${ended.join(",\n")}\n]}\n`;
}
