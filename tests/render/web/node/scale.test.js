// The map's scale: in the order of addresses, and labels kept apart.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Scale, scaleOf, span, spread, uniqueNames } from "./stepper/scale.js";

const block = (lo, hi, more = {}) => ({ lo, hi, kind: "ram", name: "RAM", ...more });

test("higher addresses are higher up, and the ends are the ends", () => {
  const blocks = [block(0n, 1n << 20n), block(1n << 20n, 1n << 40n, { kind: "gap" }), block(1n << 40n, 1n << 41n)];
  const scale = scaleOf(blocks, [block(4096n, 8192n)], 10, 410, 0);
  assert.equal(scale.y(0n), 410);
  assert.ok(Math.abs(scale.y(1n << 41n) - 10) < 1e-6);
  let before = Infinity;
  for (const at of [0n, 4096n, 6000n, 8192n, 1n << 20n, 1n << 30n, 1n << 40n, 1n << 41n]) {
    assert.ok(scale.y(at) < before, `${at}`);
    before = scale.y(at);
  }
});

test("a mark is at least as high as asked", () => {
  const scale = new Scale([0n, 1n << 40n], [{ share: 1 }], 0, 100);
  assert.equal(span(scale, block(0n, 1n), 5)[1], 5);
  assert.equal(span(scale, block(0n, 1n << 39n), 5)[1], 50);
});

test("labels are kept apart, the most important first and once each", () => {
  const names = uniqueNames([
    { text: "b", rank: 2, y: 50 },
    { text: "a", rank: 1, y: 51 },
    { text: "a", rank: 3, y: 90 },
  ]);
  assert.deepEqual(
    names.map(({ text }) => text),
    ["a", "b"],
  );
  const placed = spread(names, 13, 0, 100);
  assert.ok(Math.abs(placed[0].y - placed[1].y) >= 13);
});
