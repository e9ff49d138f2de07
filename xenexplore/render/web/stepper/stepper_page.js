// What the page of one trace mounts: without the comparison, which it has no use for.

import { shown } from "./shown.js";
import { Stepper } from "./stepper.js";

/**
 * @param {HTMLElement} el
 * @param {import("./types.js").Shown} data
 * @param {import("./types.js").Options} options
 */
export const mount = (el, data, options = {}) => shown((given) => new Stepper(el, data, given), Infinity, options);
