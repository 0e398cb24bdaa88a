// UTF-8 and whole numbers by hand, which the runtime inside a component does not have.

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
