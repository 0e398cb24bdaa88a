// UTF-8 (RFC 3629): the runtime inside a component has no `TextDecoder`, but decodes the escapes of addresses, at once and
// strictly. What is no UTF-8 is read by hand.

import { Permanent } from "./errors.js";

const CHUNK = 8192;

/** Decodes a whole text. What is no UTF-8 is an error, or a `?` for each wrong byte where `loose` is said. */
export function decode(bytes, loose = false) {
  let each = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    each += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  try {
    return decodeURIComponent(escape(each));
  } catch {
    if (!loose) {
      throw new Permanent("the answer is no UTF-8");
    }
    return loosely(bytes);
  }
}

function loosely(bytes) {
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const [point, length] = character(bytes, at);
    at += length || 1;
    out += String.fromCodePoint(point);
  }
  return out;
}

/** Encodes a text. */
export function encode(text) {
  const escaped = encodeURIComponent(text);
  const bytes = [];
  for (let at = 0; at < escaped.length; at++) {
    if (escaped[at] === "%") {
      bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(escaped.charCodeAt(at));
    }
  }
  return Uint8Array.from(bytes);
}

/** Gives the code point at a place and its length in bytes, which is 0 where there is none. */
function character(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) {
    return [first, 1];
  }
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  let point = first & (0xff >> (length + 1));
  for (let next = 1; next < length; next++) {
    const byte = bytes[at + next];
    if ((byte & 0xc0) !== 0x80) {
      return [0x3f, 0];
    }
    point = (point << 6) | (byte & 0x3f);
  }
  const least = [0, 0, 0x80, 0x800, 0x10000][length];
  const wrong = first < 0xc2 || first > 0xf4 || point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff);
  return wrong ? [0x3f, 0] : [point, length];
}
