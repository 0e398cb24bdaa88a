// The JavaScript SDK for directory connectors of rollcall.
//
// A connector is one object, exported as `directory = connector({ … })` and made into a component by
// `rollcall-componentize FILE.js`. Everything foreign goes through the host: `rollcall-connector/http` reaches what the
// manifest asks for and the job grants. Sign-ins are named, never made.

import run from "rollcall:connector/run@0.1.0";

import { answered } from "./answers.js";
import { InvalidSettings, Permanent, TokenExpired } from "./errors.js";
import { cell, Gone, key, NONE, Patch, text, User } from "./users.js";

export {
  ConnectorError, Denied, fault, InvalidSettings, MissingPermission, Permanent, quoted, Refused, TokenExpired, Transient,
} from "./errors.js";
export { Gone, Patch, User };

// A page is handed over after so long although it is not full, so that slow directories show progress.
const PAGE_MS = 10_000;

/** Describes an attribute; `kind` is `text`, `integer`, `boolean` or `bytes`. */
export function attribute(name, about, { kind = "text", many = false } = {}) {
  return { name, kind, many, about };
}

/** Makes a finding that is as it should be. */
export function passed(subject, message, hint = null) {
  return { subject, state: "passed", message, hint };
}

/** Makes a finding that works and that somebody should look at. */
export function warned(subject, message, hint = null) {
  return { subject, state: "warned", message, hint };
}

/** Makes a finding that does not work. */
export function failed(subject, message, hint = null) {
  return { subject, state: "failed", message, hint };
}

/** Makes the exported side of a connector.
 *
 * `settings` is the job's `[directory.settings]` as an object, presets and defaults filled in, names and types checked.
 *
 * - `*list(settings)` yields every `User` in scope. To end it well is to say: whoever was not yielded is gone. Users that
 *   are yielded one at a time are collected to pages; an array of users is handed over at once. A `Uint8Array` that is
 *   returned at the end is the token from which `changes` may go on in the next run.
 * - `*changes(settings, token)` yields what changed since a token and returns the next one; without it, everything is
 *   read.
 * - `check(settings)` gives findings, or `{ users, findings }`; `attributes(settings)` gives what `attribute` makes.
 * - `identity(settings)` gives which directory this is; `validate(settings)` gives the faults between settings. */
export function connector({ validate, identity, check, attributes, list, changes }) {
  const parsed = (json) => JSON.parse(json);
  const ready = (json) => {
    const settings = parsed(json);
    const faults = validate?.(settings) ?? [];
    if (faults.length > 0) {
      throw new InvalidSettings(...faults);
    }
    return settings;
  };

  class Listing {
    static open(json, since) {
      return answered(() => {
        const settings = ready(json);
        if (since != null && changes === undefined) {
          throw new TokenExpired();
        }
        const [name, method] = since == null ? ["list", list] : ["changes", changes];
        if (typeof method !== "function") {
          throw new Permanent(`the connector has no \`*${name}(settings) { … }\``);
        }
        const begin = () => generated(name, method(settings, since == null ? undefined : Uint8Array.from(since)));
        return new Listing(begin, since == null ? "everything" : "changes");
      });
    }

    constructor(begin, coverage) {
      this.begin = begin;
      this.coverage = coverage;
      this.waiting = [];
      this.handed = 0;
    }

    next(max) {
      return answered(() => this.page(max));
    }

    page(max) {
      this.found ??= this.begin();
      const until = run.timeLeftMs() - PAGE_MS;
      const found = this.waiting;
      let end = null;
      let token = null;
      while (found.length < max && (found.length === 0 || run.timeLeftMs() > until)) {
        const { done, value } = this.found.next();
        if (done) {
          end = this.coverage;
          token = value ?? null;
          break;
        }
        if (Array.isArray(value)) {
          for (const one of value) {
            found.push(one);
          }
          break;
        }
        found.push(value);
      }
      this.waiting = found.splice(max);
      this.handed += found.length;
      run.progress(this.handed, null);
      return { ...table(found), token, end };
    }
  }

  // The settings are judged before every call, also where the connector has nothing to say to it.
  const ask = (json, method, made) =>
    answered(() => {
      const settings = ready(json);
      const outcome = method?.(settings);
      if (outcome instanceof Promise) {
        throw new Permanent(`\`${method.name}\` is asynchronous, which nothing in a connector is`);
      }
      return made(outcome);
    });
  const connection = (outcome = []) =>
    Array.isArray(outcome) ? { users: null, findings: outcome } : { users: null, findings: [], ...outcome };

  return {
    Listing,
    validate: (json) => validate?.(parsed(json)) ?? [],
    identity: (json) => ask(json, identity, (name) => text(name ?? "")),
    check: (json) => ask(json, check, connection),
    attributes: (json) => ask(json, attributes, (all) => [...(all ?? [])]),
  };
}

/** Gives what a listing yields. A `map` or another iterator that ends by a mistake of its own would be the end of the
 * listing, and whoever is missing then is gone; a function without `yield` lists nobody. */
function generated(name, found) {
  const kind = Object.prototype.toString.call(found);
  if (kind === "[object Generator]" || Array.isArray(found)) {
    return found[Symbol.iterator]();
  }
  const why = {
    "[object Undefined]": `\`${name}\` gives nothing`,
    "[object Promise]": `\`${name}\` is asynchronous, which nothing in a connector is`,
    "[object AsyncGenerator]": `\`${name}\` is asynchronous, which nothing in a connector is`,
  }[kind] ?? `\`${name}\` is no generator and no array but ${kind.slice(8, -1)}`;
  throw new Permanent(`${why}: write \`*${name}(settings) { … yield … }\``);
}

/** Makes the table of a page: the columns once, then a row a user. */
function table(found) {
  const columns = new Map();
  const at = (name) => {
    if (!columns.has(name)) {
      columns.set(name, columns.size);
    }
    return columns.get(name);
  };
  const rows = found.map((change) => {
    if (change instanceof User) {
      return Object.entries(change.attributes).map(([name, value]) => [at(name), cell(value)]);
    }
    if (change instanceof Patch) {
      const { replace, add, remove } = change.edits;
      return [
        ...Object.entries(replace).map(([name, value]) => [at(name), { tag: "replace", val: cell(value) }]),
        ...Object.entries(add).map(([name, more]) => [at(name), { tag: "add", val: more.map(text) }]),
        ...Object.entries(remove).map(([name, less]) => [at(name), { tag: "remove", val: less.map(text) }]),
      ];
    }
    if (change instanceof Gone) {
      return [];
    }
    throw new Permanent(`a listing yields users, not ${JSON.stringify(change)}`.slice(0, 200));
  });
  const changes = found.map((change, row) => {
    const id = key(change.id);
    if (change instanceof Gone) {
      return { tag: "gone", val: id };
    }
    if (change instanceof Patch) {
      return { tag: "patch", val: { id, edits: rows[row] } };
    }
    const cells = new Array(columns.size).fill(NONE);
    for (const [column, value] of rows[row]) {
      cells[column] = value;
    }
    return { tag: "user", val: { id, cells } };
  });
  return { columns: [...columns.keys()].map(text), changes };
}
