// What a view can be given away as: a link, text for a mail, a picture, a file, the Python that shows
// the same.
//
// `options.share(kind)` promises { text, svg }, or for "link" { link } or { refused }, for "html"
// { html }; `options.gives` has the kinds that it knows. A page has them from its fallback,
// JupyterLab's views ask the kernel, so that they are about the step on show.

/** @type {[act: string, kinds: [kind: string, text: string][]][]} */
const SHARED = [
  [
    "Copy",
    [
      ["link", "link"],
      ["text", "mail text"],
      ["svg", "SVG"],
      ["png", "PNG"],
      ["python", "Python"],
      ["notes", "notes"],
    ],
  ],
  [
    "Save",
    [
      ["savesvg", "SVG"],
      ["savepng", "PNG"],
      ["html", "one-file HTML"],
    ],
  ],
];
const PICTURES = ["text", "svg", "png", "savesvg", "savepng"];

/**
 * @param {import("./types.js").Options} options
 * @param {boolean} marks whether there may be notes
 */
export const shareHtml = (options, marks = false) => {
  const shared = options.share ? [...PICTURES, ...(options.gives ?? [])] : [];
  const known = new Set([...shared, ...(options.python ? ["python"] : []), ...(marks ? ["notes"] : [])]);
  const button = (act, [kind, text]) =>
    `<button type="button" data-act="share" data-kind="${kind}" aria-label="${act} ${text}">${text}</button>`;
  const groups = SHARED.map(([act, kinds]) => ({ act, kinds: kinds.filter(([kind]) => known.has(kind)) }))
    .filter(({ kinds }) => kinds.length)
    .map(({ act, kinds }) => `<span>${act} ${kinds.map((kind) => button(act, kind)).join(" ")}</span>`);
  if (!groups.length) return "";
  return `<p class="xe-share" role="group" aria-label="Share">${groups.join("")}<output></output></p>`;
};

/**
 * A picture as pixels, twice the size, for screens of today.
 * @param {string} svg
 */
export const canvasOf = async (svg) => {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return canvas;
};

export class Share {
  /**
   * @param {HTMLElement} root
   * @param {import("./types.js").Options} options
   * @param {string} name of a file, without its ending
   */
  constructor(root, options, name) {
    this.root = root;
    this.options = options;
    this.name = name;
    /** @type {import("./marks.js").Marks | null} */
    this.marks = null;
  }
  async give(kind) {
    const said = this.root.querySelector(".xe-share output");
    try {
      said.textContent = await this[kind]();
    } catch {
      said.textContent = "The browser refused.";
    }
  }
  async text() {
    return this.copy((await this.options.share("text")).text);
  }
  async link() {
    const { link, refused } = await this.options.share("link");
    return refused ?? this.copy(link);
  }
  async python() {
    return this.copy(this.options.python);
  }
  async notes() {
    return this.copy(this.marks.toml());
  }
  async svg() {
    return this.copy((await this.options.share("svg")).svg);
  }
  async savesvg() {
    const { svg } = await this.options.share("svg");
    return this.save(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`, "svg");
  }
  async html() {
    const { html } = await this.options.share("html");
    const made = URL.createObjectURL(new Blob([html], { type: "text/html" }));
    setTimeout(() => URL.revokeObjectURL(made), 1000);
    return this.save(made, "html");
  }
  async canvas() {
    return canvasOf((await this.options.share("svg")).svg);
  }
  async savepng() {
    return this.save((await this.canvas()).toDataURL("image/png"), "png");
  }
  // Promised within the click: later, a browser takes it for a page's own idea.
  async png() {
    const made = this.canvas().then((canvas) => new Promise((done) => canvas.toBlob(done, "image/png")));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": made })]);
    return "Copied.";
  }
  save(href, ending) {
    const link = document.createElement("a");
    Object.assign(link, { href, download: `${this.name}.${ending}` });
    link.click();
    return `${this.name}.${ending}`;
  }
  // Without leave to write the clipboard (a page from a file has none everywhere), by selection.
  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = document.createElement("textarea");
      field.value = text;
      this.root.append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      if (!done) throw new Error("not copied");
    }
    return "Copied.";
  }
}
