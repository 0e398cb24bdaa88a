// UTF-8 and exact whole numbers, which the runtime inside a component does not have.

import assert from "node:assert/strict";
import { test } from "node:test";

import { exact } from "../exact.js";
import { decode, encode } from "../utf8.js";

test("a text is UTF-8 or an error", () => {
  const check = (bytes, expect) => {
    let got = null;
    try {
      got = decode(Uint8Array.from(bytes));
    } catch {
      // No UTF-8.
    }
    assert.equal(got, expect, String(bytes));
  };
  check([0x5a, 0xc3, 0xb6, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x8c, 0x9f], "Zö€🌟");
  for (const wrong of [
    [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf8, 0x90, 0x80, 0x80],
    [0xf9, 0x80, 0x80, 0x80], [0xe2, 0x82], [0x80],
  ]) {
    check(wrong, null);
  }
  assert.equal(decode(encode("Zö€🌟%41")), "Zö€🌟%41");
  assert.equal(decode(Uint8Array.from([0x5a, 0xff, 0x25, 0xc3, 0xb6, 0xc3]), true), "Z?%ö?");
});

test("a text of many blocks is the same as a whole", () => {
  // Each character stands across the borders of blocks at each of its places.
  for (const character of ["ö", "€", "🌟"]) {
    for (let before = 0; before < 4; before++) {
      const text = "x".repeat(before) + character.repeat(10_000);
      const bytes = new TextEncoder().encode(text);
      assert.equal(decode(bytes), text);
      const wrong = Uint8Array.from(bytes);
      wrong[9_000] = 0xff;
      assert.throws(() => decode(wrong), /is no UTF-8/);
      const loose = decode(wrong, true);
      assert.ok(loose.includes("?") && loose.endsWith(character.repeat(100)), character);
    }
  }
  const stray = new Uint8Array(20_000).fill(0x80);
  assert.throws(() => decode(stray), /is no UTF-8/);
  assert.equal(decode(stray, true), "?".repeat(20_000));
});

test("a memory that is full is no wrong text", () => {
  const real = globalThis.decodeURIComponent;
  globalThis.decodeURIComponent = () => {
    throw new RangeError("out of memory");
  };
  try {
    assert.throws(() => decode(Uint8Array.from([0x5a])), RangeError);
  } finally {
    globalThis.decodeURIComponent = real;
  }
});

test("no whole number is rounded", () => {
  const read = (json) => JSON.parse(exact(json));
  assert.deepEqual(read('{"id": 12345678901234567890, "x": "1234567890123456"}'), {
    id: "12345678901234567890",
    x: "1234567890123456",
  });
  assert.deepEqual(read("[0.30000000000000004, -1e-7, 1234567890123456.5, 1234567890123456e2, -1234567890123456]"), [
    0.30000000000000004, -1e-7, 1234567890123456.5, 1234567890123456e2, "-1234567890123456",
  ]);
});
