// One shape per kind of step, so that colour is never alone.

import { SHAPE_OF } from "./from_python.js";

// Drawn in a 14 × 14 box.
export const SHAPES = {
  square: '<path d="M2.5 2.5h9v9h-9z"/>',
  small: '<path d="M4 4h6v6h-6z"/>',
  circle: '<circle cx="7" cy="7" r="4.6"/>',
  dot: '<circle cx="7" cy="7" r="2.4"/>',
  diamond: '<path d="M7 1.4 12.6 7 7 12.6 1.4 7z"/>',
  down: '<path d="M1.6 3h10.8L7 12z"/>',
  up: '<path d="M7 1.6 13 12H1z"/>',
  pill: '<rect x="1" y="3.8" width="12" height="6.4" rx="3.2"/>',
  bar: '<path d="M4.5 2v10M9.5 2v10"/>',
  cross: '<path d="M3 3l8 8M11 3l-8 8"/>',
  arrow: '<path d="M1.5 7h10M8 3.5 11.5 7 8 10.5"/>',
  half: '<path d="M7 2.4a4.6 4.6 0 0 1 0 9.2z"/><circle cx="7" cy="7" r="4.6" fill="none"/>',
  house: '<path d="M2.5 12V6L7 2l4.5 4v6z"/>',
};
// SHAPE_OF, kind to shape, stands before this part: the registered drawing rules.
export const glyph = (step, classes = "") =>
  `<svg class="xe-glyph ${classes}" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">` +
  `${SHAPES[SHAPE_OF[step.kind]]}</svg>`;
