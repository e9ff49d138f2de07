// What a page mounts: a trace or a comparison.

import { Comparison } from "./comparison.js";
import { shown } from "./shown.js";
import { Stepper } from "./stepper.js";

/**
 * Show a trace or a comparison in `el`; a comparison's step -1: all at their ends.
 * @param {HTMLElement} el
 * @param {any} data of a trace or, with `traces`, of a comparison
 * @param {import("./types.js").Options} options
 */
export const mount = (el, data, options = {}) =>
  data.traces
    ? shown((given) => new Comparison(el, data, given), -1, options)
    : shown((given) => new Stepper(el, data, given), Infinity, options);
