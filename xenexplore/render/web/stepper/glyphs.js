// One shape per kind of step, so that colour is never alone.

import { SHAPE_OF } from "./from_python.js";

// Drawn in a 14 × 14 box: where each line of a shape begins, and how it goes on from there.  So a
// shape can stand anywhere without a transform; in SVG each of these is painted as a layer.
/** @typedef {[x: number, y: number, way: string, more?: string]} Line */
/** @type {Line} */
const ROUND = [2.4, 7, "a4.6 4.6 0 0 1 9.2 0a4.6 4.6 0 0 1 -9.2 0z"];
/** @type {Record<string, Line[]>} */
const SHAPES = {
  square: [[2.5, 2.5, "h9v9h-9z"]],
  small: [[4, 4, "h6v6h-6z"]],
  circle: [ROUND],
  dot: [[4.6, 7, "a2.4 2.4 0 0 1 4.8 0a2.4 2.4 0 0 1 -4.8 0z"]],
  diamond: [[7, 1.4, "l5.6 5.6l-5.6 5.6l-5.6 -5.6z"]],
  down: [[1.6, 3, "h10.8l-5.4 9z"]],
  up: [[7, 1.6, "l6 10.4h-12z"]],
  pill: [[4.2, 3.8, "h5.6a3.2 3.2 0 0 1 0 6.4h-5.6a3.2 3.2 0 0 1 0 -6.4z"]],
  bar: [[4.5, 2, "v10m5 -10v10"]],
  cross: [[3, 3, "l8 8m0 -8l-8 8"]],
  arrow: [[1.5, 7, "h10m-3.5 -3.5l3.5 3.5l-3.5 3.5"]],
  half: [
    [7, 2.4, "a4.6 4.6 0 0 1 0 9.2z"],
    [ROUND[0], ROUND[1], ROUND[2], ' fill="none"'],
  ],
  house: [[2.5, 12, "v-6l4.5 -4l4.5 4v6z"]],
};
export const shapeAt = (name, left, top) =>
  SHAPES[name].map(([x, y, way, more = ""]) => `<path d="M${x + left} ${y + top}${way}"${more}/>`).join("");
// SHAPE_OF, kind to shape, stands before this part: the registered drawing rules.
export const glyph = (step, classes = "") =>
  `<svg class="xe-glyph ${classes}" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">` +
  `${shapeAt(SHAPE_OF[step.kind], 0, 0)}</svg>`;
