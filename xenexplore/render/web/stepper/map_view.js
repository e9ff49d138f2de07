// Where the buffer lives: linear and guest-physical space side by side.

import { tableKey } from "./folded.js";
import { drawGround, strays } from "./ground.js";
import { drawMoving } from "./moving.js";
import { patch } from "./patch.js";
import { View } from "./view.js";

export class MapView extends View {
  constructor(stepper) {
    super(stepper);
    this.ground = ""; // what the still part was drawn for
    this.groundAt = null;
    this.moving = null; // what the other part was drawn as
    this.zoom = 0;
    this.selected = null; // a linear address picked on the map
  }
  draw() {
    const { run, index, state, focus } = this;
    const step = run.steps[index];
    const box = this.parts.mapbox;
    const { map: width, height } = this.stepper.sizes;
    // Whose registered ranges: the table that was asked last, or the acting vCPU's.
    let key = step.kind.startsWith("tlb-") ? tableKey(step.asked ?? step.vcpu, step.shared) : null;
    if (key === null) key = state.tables.has("domain") ? "domain" : this.actingVcpu();
    const tables = state.tables.has(key) ? [[key, state.table(key)]] : [];
    const view = {
      focus,
      state,
      tables,
      zoom: this.zoom,
      width,
      height,
      uid: this.stepper.uid,
      selected: this.selected,
      index,
    };
    // In the page view the ground follows every address; else it stays while what is on it does.
    const stray = strays(this.machine, focus).map(({ va, size: bytes, gpa }) => `${va}+${bytes}:${gpa}`);
    const near =
      this.zoom === 2
        ? [focus.va, focus.size, focus.gpa, focus.meant, focus.table, focus.frame]
        : this.zoom
          ? [focus.va, this.machine.ramAt(focus.gpa)?.lo]
          : [];
    const ground = [stray, this.zoom, this.selected, key, width, height, state.changed, ...near].join();
    const drawn = ground === this.ground ? null : drawGround(this.machine, view);
    const moving = drawMoving(this.machine, view, drawn?.at ?? this.groundAt);
    if (drawn) {
      patch(box, drawn.html(moving));
      Object.assign(this, { ground, groundAt: drawn.at });
      this.groundOver = box.querySelector(".xe-over");
      this.groundDesc = box.querySelector("desc");
    } else {
      if (moving.html !== this.moving.html) patch(this.groundOver, moving.html);
      if (moving.desc !== this.moving.desc) this.groundDesc.textContent = moving.desc;
    }
    this.moving = moving;
  }
  setZoom(zoom) {
    this.zoom = Math.min(2, Math.max(0, zoom));
    this.stepper.root
      .querySelectorAll('[data-act="zoom"]')
      .forEach((b) => b.setAttribute("aria-pressed", String(Number(b.dataset.zoom) === this.zoom)));
    this.draw();
    this.stepper.relight();
  }
  // Up and down over what the map shows, for those without a pointer.
  cycle(way) {
    const all = [...this.parts.mapbox.querySelectorAll("[data-t]")];
    if (!all.length) return;
    this.cursor = ((this.cursor ?? (way > 0 ? -1 : 0)) + way + all.length) % all.length;
    const target = all[this.cursor];
    this.stepper.light(target.dataset.k || "");
    all.forEach((item) => item.classList.toggle("is-cursor", item === target));
    this.stepper.readout(target.dataset.t);
  }
}
