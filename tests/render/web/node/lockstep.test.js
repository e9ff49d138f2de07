// One time for several runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { before, Lockstep } from "./stepper/lockstep.js";

const run = (length, waits) => ({ length, view: { waits } });

test("keys are compared place by place", () => {
  assert.ok(before([0, 1], [0, 2]));
  assert.ok(!before([1, 0], [0, 9]));
});

test("the shorter run waits, and every step has its time", () => {
  const runs = [
    run(6, [
      [0, [0]],
      [2, [1]],
    ]),
    run(9, [
      [0, [0]],
      [5, [1]],
    ]),
  ];
  const lockstep = new Lockstep(runs);
  assert.equal(lockstep.length, 5 + 4);
  assert.deepEqual(lockstep.at(4), [
    { index: 1, waits: true },
    { index: 4, waits: false },
  ]);
  runs.forEach(({ length }, k) => {
    for (let index = 0; index < length; index++)
      assert.equal(lockstep.at(lockstep.timeOf(k, index))[k].index, index);
  });
});
