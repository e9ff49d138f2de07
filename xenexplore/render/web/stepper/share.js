// What a view can be given away as: text for a mail, a picture, the Python that shows the same.
//
// `options.share()` promises { text, svg }: a page has them from its fallback, JupyterLab's views
// ask the kernel, so that they are about the step on show.

export const shareHtml = (options, marks = false) => {
  const kinds = [
    ...(options.share
      ? [
          ["text", "Copy as text (72 columns)"],
          ["svg", "Save as SVG"],
          ["png", "Save as PNG"],
        ]
      : []),
    ...(options.python ? [["python", "Copy the Python"]] : []),
    ...(marks ? [["notes", "Copy the notes (scenario text)"]] : []),
  ];
  if (!kinds.length) return "";
  return (
    `<p class="xe-share" role="group" aria-label="Share">` +
    kinds
      .map(([kind, text]) => `<button type="button" data-act="share" data-kind="${kind}">${text}</button>`)
      .join("") +
    `<output></output></p>`
  );
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
    return this.copy((await this.options.share()).text);
  }
  async python() {
    return this.copy(this.options.python);
  }
  async notes() {
    return this.copy(this.marks.toml());
  }
  async svg() {
    const { svg } = await this.options.share();
    return this.save(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`, "svg");
  }
  // Twice the size, for screens of today.
  async png() {
    const { svg } = await this.options.share();
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
    await image.decode();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: 2 * image.naturalWidth, height: 2 * image.naturalHeight });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return this.save(canvas.toDataURL("image/png"), "png");
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
