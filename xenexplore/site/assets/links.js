// Links to views: the counterpart of xenexplore/scenario/text/links.py, which says what they hold.

const KEYS = ["s", "z", "o", "c", "step"];
const LIMIT = 4 << 20; // most bytes of a scenario's text

export class Damaged extends Error {
  constructor(place, expected, got) {
    const at = `link${place ? `: ${place}` : ""}`;
    super(`${at}: expected ${expected}, got ${got}; a mail reader may have truncated it: copy the whole link again`);
  }
}

async function through(bytes, stream, limit = Infinity) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Damaged("z", `at most ${limit >> 20} MiB of text`, "more");
    }
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

export const inflated = (bytes, limit) => through(bytes, new DecompressionStream("deflate"), limit);

async function packed(text) {
  const bytes = await through(new TextEncoder().encode(text), new CompressionStream("deflate"));
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function unpacked(letters) {
  const expected = "a scenario, packed";
  if (!/^[A-Za-z0-9_-]+$/.test(letters)) {
    throw new Damaged("z", expected, letters ? "characters that do not belong there" : "nothing");
  }
  let text;
  try {
    const plain = atob(letters.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
    text = await inflated(bytes, LIMIT);
  } catch (error) {
    if (error instanceof Damaged) throw error;
    throw new Damaged("z", expected, "a part of one, or a changed one");
  }
  if (!text.length) throw new Damaged("z", expected, "nothing");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    throw new Damaged("z", "text in UTF-8", "other bytes");
  }
}

// {scenario, text, option, column, step}: step null where the view opens by itself, -1 at the end.
export async function encodeLink({ scenario = "", text = "", option = "", column = "", step = null }) {
  const parts = {
    s: encodeURIComponent(scenario), z: text ? await packed(text) : "",
    o: encodeURIComponent(option), c: encodeURIComponent(column),
    step: step === null ? "" : step === -1 ? "end" : String(step),
  };
  return `#${KEYS.filter((key) => parts[key]).map((key) => `${key}=${parts[key]}`).join("&")}`;
}

export async function decodeLink(link) {
  const given = {};
  for (const part of link.slice(link.lastIndexOf("#") + 1).split("&")) {
    const at = part.indexOf("=");
    const key = at < 0 ? part : part.slice(0, at);
    if (key in given) throw new Damaged(key, "each key once", "two of them");
    if (KEYS.includes(key)) given[key] = at < 0 ? "" : part.slice(at + 1);
  }
  if ("s" in given === "z" in given) {
    throw new Damaged("", "s=NAME or z=TEXT after the #", "s" in given ? "both" : "neither");
  }
  if ("step" in given && !/^([0-9]{1,9}|end)$/.test(given.step)) {
    throw new Damaged("step", "a number from 0, or end", `'${given.step}'`);
  }
  const words = (key) => {
    let found;
    try {
      found = decodeURIComponent(given[key] ?? "");
    } catch {
      throw new Damaged(key, "UTF-8, percent-encoded", "other bytes");
    }
    if (key in given && !found) throw new Damaged(key, "a name", "nothing");
    return found;
  };
  return {
    scenario: words("s"), text: "z" in given ? await unpacked(given.z) : "",
    option: words("o"), column: words("c"),
    step: !("step" in given) ? null : given.step === "end" ? -1 : Number(given.step),
  };
}
