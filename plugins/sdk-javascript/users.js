// Users, and how the values of their attributes become cells of the contract.

import { Permanent } from "./errors.js";

const HALF = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ASCII = /^[\x00-\x7f]*$/;

/** A user, whole. `id` never changes and is never given to another user; an e-mail address is no id.
 *
 * Values may be as JSON gives them, and `Uint8Array`. */
export class User {
  constructor(id, attributes) {
    this.id = id;
    this.attributes = attributes;
  }
}

/** Somebody who left the directory or the scope; only `changes` needs it. */
export class Gone {
  constructor(id) {
    this.id = id;
  }
}

/** A user known in part: attributes not named stay as they were. Only `changes` may yield it. */
export class Patch {
  constructor(id, { replace = {}, add = {}, remove = {} }) {
    this.id = id;
    this.edits = { replace, add, remove };
  }
}

/** Checks an id. A missing one is an error here, because two users without would become one. */
export function key(id) {
  if (Number.isSafeInteger(id)) {
    return String(id);
  }
  if (typeof id === "string" && id !== "") {
    return text(id);
  }
  throw new Permanent(`a user has no id: it is ${JSON.stringify(id)}`.slice(0, 200));
}

/** Checks that a text can be handed over. */
export function text(value) {
  if (!ASCII.test(value) && HALF.test(value)) {
    throw new Permanent("a text has half a character, which cannot be handed over");
  }
  return value;
}

/** Makes a cell. Null, empty text and an empty list are none; a number that is no whole one is text. */
export function cell(value) {
  switch (typeof value) {
    case "string":
      return value === "" ? NONE : { tag: "text", val: text(value) };
    case "boolean":
      return { tag: "boolean", val: value };
    case "number":
      return Number.isSafeInteger(value) ? { tag: "integer", val: value } : { tag: "text", val: String(value) };
    case "object":
      break;
    case "undefined":
      return NONE;
    default:
      return { tag: "text", val: text(String(value)) };
  }
  if (value === null) {
    return NONE;
  }
  if (value instanceof Uint8Array) {
    return { tag: "bytes", val: value };
  }
  if (Array.isArray(value)) {
    const texts = value.filter((item) => item != null).map(plain);
    return texts.length === 0 ? NONE : { tag: "texts", val: texts };
  }
  return { tag: "text", val: plain(value) };
}

export const NONE = { tag: "none" };

function plain(value) {
  return text(typeof value === "string" ? value : JSON.stringify(value));
}
