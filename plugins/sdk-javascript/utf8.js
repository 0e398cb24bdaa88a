// UTF-8 (RFC 3629): the runtime inside a component has no `TextDecoder`, but decodes the escapes of addresses, at once and
// strictly. What is no UTF-8 is read by hand.

import { Permanent } from "./errors.js";

/** How many bytes are decoded at a time: the escapes of a whole answer would take three times its memory. */
const BLOCK = 8192;

/** Decodes a whole text. What is no UTF-8 is an error, or a `?` for each wrong byte where `loose` is said. */
export function decode(bytes, loose = false) {
  let text = "";
  for (let at = 0, end; at < bytes.length; at = end) {
    end = border(bytes, at + BLOCK);
    text += block(bytes.subarray(at, end), loose);
  }
  return text;
}

function block(bytes, loose) {
  try {
    return decodeURIComponent(escape(String.fromCharCode(...bytes)));
  } catch (error) {
    // A memory that is full, say, tells nothing of the text.
    if (!(error instanceof URIError)) {
      throw error;
    }
    if (!loose) {
      throw new Permanent("the answer is no UTF-8");
    }
    return loosely(bytes);
  }
}

/** Gives the last place up to `end` at which a character begins. Where none of the last four does, none is cut at `end`. */
function border(bytes, end) {
  for (let at = end; at > end - 4; at--) {
    if ((bytes[at] & 0xc0) !== 0x80) {
      return at;
    }
  }
  return end;
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
