// Numbers and sentences as text.

import assert from "node:assert/strict";
import { test } from "node:test";

import { esc, linear, marked, plain, plural, size } from "./stepper/numbers.js";

test("sizes are in the largest unit that divides them", () => {
  assert.equal(size(1), "1 byte");
  assert.equal(size("0x1000"), "4 KiB");
  assert.equal(size(3n << 30n), "3 GiB");
  assert.equal(size(4097), "4,097 bytes");
  assert.equal(plural(2, "miss", "misses"), "2 misses");
});

test("a number is linked by how it is spelled", () => {
  assert.match(marked("at ffffc900'00613b2c"), /data-k="vp:ffffc90000613"/);
  assert.match(marked("gpa 0613b2cc"), /data-k="gfn:613b"/);
  assert.match(marked("gfn 0613b"), /data-k="gfn:613b"/);
  assert.match(marked("mfn 0613b"), /data-k="mfn:613b"/);
  assert.doesNotMatch(marked("+30000000 more"), /data-k/);
  assert.equal(plain(marked("a -> b")), "a → b");
});

test("markup in what a scenario says stays text", () => {
  assert.equal(esc('<b title="&">'), "&lt;b title=&quot;&amp;&quot;&gt;");
  assert.equal(plain(marked("<script>")), "&lt;script&gt;");
  assert.equal(plain(linear(0xffffc90000613b2cn)), "ffffc90000613b2c");
});
