// The whole tab: a view in the browser's top layer, so that no cell around it cuts it.

export class WholeTab {
  constructor(root, signal) {
    this.root = root;
    root.addEventListener("toggle", () => this.follow(), { signal });
  }
  get on() {
    return this.root.classList.contains("is-full");
  }
  set(on) {
    const { root } = this;
    if (on === this.on) return;
    if (on) {
      root.popover = "manual";
      root.showPopover();
    } else {
      root.hidePopover();
    }
    this.mark(on);
  }
  // The browser has closed it by itself.
  follow() {
    if (this.on && !this.root.matches(":popover-open")) this.mark(false);
  }
  mark(on) {
    const { root } = this;
    if (!on) root.removeAttribute("popover");
    root.classList.toggle("is-full", on);
    root.querySelector('[data-act="full"]')?.setAttribute("aria-pressed", String(on));
    root.focus({ preventScroll: true });
  }
}
