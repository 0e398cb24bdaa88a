// A host whose answers were written down, and a list of what was asked. What no answer was written for is refused, as a
// real host refuses what was not granted.

import { asked } from "../errors.js";
import { Gone, Patch, User } from "../users.js";
import { encode } from "../utf8.js";

let present = null;

/** Gives the host of the test that runs. */
export function current() {
  if (present === null) {
    throw new Error("a connector is called in a test by a `Host`");
  }
  return present;
}

const refused = (message) => ({ tag: "refused", val: message });

/** A host for tests. */
export class Host {
  #answers = new Map();
  #files = new Map();

  /** What was asked over HTTP, in order: `{ method, url, headers, body, login }`. */
  requests = [];
  /** What was written to the log: `{ level, message }`. */
  lines = [];

  /** Writes down an answer of JSON for a URL. Several are given one after the other, the last one for ever. */
  json(url, status, body) {
    return this.answer(url, status, { "content-type": "application/json" }, JSON.stringify(body));
  }

  /** Writes down an answer with headers of its own, names in lower case; the body is text or bytes. */
  answer(url, status, headers, body) {
    const bytes = typeof body === "string" ? encode(body) : body;
    return this.#put(url, () => new Answer(status, Object.entries(headers), bytes));
  }

  /** Writes down that the host says no to a URL, or gets no answer: `new Transient("…")`. */
  fails(url, error) {
    return this.#put(url, () => {
      throw error.told();
    });
  }

  /** Puts a file into the granted folder. */
  file(path, content) {
    this.#files.set(path, typeof content === "string" ? encode(content) : content);
    return this;
  }

  /** Reads a whole listing, `max` users at a time: gives `{ users, pages, token, end }`. */
  list(directory, settings, max = 100) {
    return this.#read(directory, settings, null, max);
  }

  /** Reads what changed since a token: gives `{ users, pages, token, end }`; among `users` stand `Patch` and `Gone`. */
  changes(directory, settings, token, max = 100) {
    return this.#read(directory, settings, token, max);
  }

  /** Tests the connection: gives `{ users, findings }`. */
  check(directory, settings) {
    return this.#run(() => directory.check(JSON.stringify(settings)));
  }

  /** Gives the attributes that a listing can yield. */
  attributes(directory, settings) {
    return this.#run(() => directory.attributes(JSON.stringify(settings)));
  }

  /** Gives which directory it is. */
  identity(directory, settings) {
    return this.#run(() => directory.identity(JSON.stringify(settings)));
  }

  /** Gives the faults between settings. */
  validate(directory, settings) {
    return this.#run(() => directory.validate(JSON.stringify(settings)));
  }

  #put(url, answer) {
    this.#answers.set(url, [...(this.#answers.get(url) ?? []), answer]);
    return this;
  }

  #run(call) {
    const before = present;
    present = this;
    try {
      return asked(call);
    } finally {
      present = before;
    }
  }

  #read(directory, settings, since, max) {
    return this.#run(() => {
      const listing = directory.Listing.open(JSON.stringify(settings), since);
      const users = [];
      for (let pages = 1; ; pages++) {
        const { columns, changes, token, end } = listing.next(max);
        users.push(...changes.map((change) => known(columns, change)));
        if (end !== null) {
          return { users, pages, token, end };
        }
      }
    });
  }

  // What the interfaces ask for.

  send(request) {
    this.requests.push(request);
    const answers = this.#answers.get(request.url);
    if (answers === undefined) {
      throw refused(`no answer is written down for ${request.method} ${request.url}`);
    }
    return (answers.length > 1 ? answers.shift() : answers[0])();
  }

  open(path) {
    const bytes = this.#files.get(path);
    if (bytes === undefined) {
      throw { tag: "permanent", val: `there is no file ${path}` };
    }
    return new Answer(200, [], bytes);
  }

  names(folder) {
    const start = folder === "" || folder.endsWith("/") ? folder : `${folder}/`;
    const inside = [...this.#files.keys()].filter((path) => path.startsWith(start)).map((path) => path.slice(start.length));
    return inside.filter((name) => !name.includes("/")).sort();
  }

  write(level, message) {
    this.lines.push({ level, message });
  }
}

/** An answer or an open file: bytes that are pulled. */
class Answer {
  #status;
  #headers;
  #bytes;

  constructor(status, headers, bytes) {
    [this.#status, this.#headers, this.#bytes] = [status, headers, bytes];
  }

  status() {
    return this.#status;
  }

  headers() {
    return this.#headers;
  }

  read(max) {
    const piece = this.#bytes.subarray(0, max);
    this.#bytes = this.#bytes.subarray(max);
    return piece;
  }
}

/** Makes a change of the contract what the connector yielded; an attribute without a value is left out. */
function known(columns, { tag, val }) {
  const value = (cell) => cell.val;
  if (tag === "gone") {
    return new Gone(val);
  }
  if (tag === "user") {
    const cells = val.cells.map((cell, at) => [columns[at], cell]).filter(([, cell]) => cell.tag !== "none");
    return new User(val.id, Object.fromEntries(cells.map(([name, cell]) => [name, value(cell)])));
  }
  const edits = { replace: {}, add: {}, remove: {} };
  for (const [column, edit] of val.edits) {
    edits[edit.tag][columns[column]] = edit.tag === "replace" ? (value(edit.val) ?? null) : edit.val;
  }
  return new Patch(val.id, edits);
}
