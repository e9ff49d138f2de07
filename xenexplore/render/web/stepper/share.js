// What a view can be given away as: a link, text for a mail, a picture, a file, the Python that shows
// the same.
//
// `options.share(kind)` promises { text, svg }, or for "link" { link } or { refused }, for "html"
// { html }; `options.gives` has the kinds that it knows. A page has them from its fallback,
// JupyterLab's views ask the kernel, so that they are about the step on show.

const SHARED = [
  ["Copy", [["link", "link"], ["text", "mail text"], ["svg", "SVG"], ["png", "PNG"], ["python", "Python"]]],
  ["Save", [["savesvg", "SVG"], ["savepng", "PNG"], ["html", "one-file HTML"]]],
];
const PICTURES = ["text", "svg", "png", "savesvg", "savepng"];
const shareHtml = (options) => {
  const known = new Set([...(options.share ? [...PICTURES, ...(options.gives ?? [])] : []), ...(options.python ? ["python"] : [])]);
  const groups = SHARED.map(([act, kinds]) => [act, kinds.filter(([kind]) => known.has(kind))]).filter(([, kinds]) => kinds.length);
  if (!groups.length) return "";
  const button = (act, kind, text) => `<button type="button" data-act="share" data-kind="${kind}" aria-label="${act} ${text}">${text}</button>`;
  return `<p class="xe-share" role="group" aria-label="Share">${groups.map(([act, kinds]) => `<span>${act} ${kinds.map(([kind, text]) => button(act, kind, text)).join(" ")}</span>`).join("")}<output></output></p>`;
};

class Share {
  constructor(root, options, name) {
    Object.assign(this, { root, options, name });
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
  // Twice the size, for screens of today.
  async canvas() {
    const { svg } = await this.options.share("svg");
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas;
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
