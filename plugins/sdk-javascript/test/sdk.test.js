// The SDK in Node, with a host for tests below it: what is yielded comes as it was meant, and mistakes say what they are.

import assert from "node:assert/strict";
import { test } from "node:test";

import { exported } from "../entry.js";
import * as http from "../http.js";
import {
  attribute, connector, Denied, fault, Gone, InvalidSettings, MissingPermission, passed, Patch, Permanent, Refused,
  TokenExpired, Transient, User,
} from "../index.js";
import * as log from "../log.js";
import { Host } from "../testing/index.js";

const BYTES = Uint8Array.of(0, 255, 7);

function listing(list, more = {}) {
  return connector({ list, ...more });
}

test("users come in pages, and end with a token", () => {
  function* list({ count }) {
    for (let id = 1; id <= count; id++) {
      yield new User(id, { name: `N${id}` });
    }
    return BYTES;
  }
  const { users, pages, token, end } = new Host().list(listing(list), { count: 5 }, 2);
  assert.deepEqual(users.map(({ id }) => id), ["1", "2", "3", "4", "5"]);
  assert.deepEqual([pages, token, end], [3, BYTES, "everything"]);
  const array = new Host().list(listing(() => [[new User("a", {}), new User("b", {})], new User("c", {})]), {}, 10);
  assert.deepEqual([array.users.length, array.token], [3, null]);
});

test("values keep what they are", () => {
  const given = {
    text: "Zoë 🌟", none: null, empty: "", missing: undefined, whole: 7, part: 0.5, yes: true, bytes: BYTES,
    list: ["a", null, 1, { b: 2 }], nothing: [], object: { a: 1 }, large: 2 ** 60, big: 12345678901234567890n,
  };
  const { users } = new Host().list(listing(() => [new User("1", given)]), {});
  const expect = {
    text: "Zoë 🌟", whole: 7, part: "0.5", yes: true, bytes: BYTES, list: ["a", "1", '{"b":2}'], object: '{"a":1}',
    large: String(2 ** 60), big: "12345678901234567890",
  };
  assert.deepEqual(users, [new User("1", expect)]);
  for (const id of [null, undefined, "", 1.5, {}, 2 ** 60]) {
    assert.throws(() => new Host().list(listing(() => [new User(id, {})]), {}), /has no id/);
  }
  assert.throws(() => new Host().list(listing(() => [new User("1", { name: "\ud83c" })]), {}), /half a character/);
  assert.throws(() => new Host().list(listing(() => ["Anna"]), {}), /yields users, not "Anna"/);
});

test("changes are users, patches and who is gone", () => {
  const made = [
    new User(1, { name: "A", photo: BYTES }),
    new Patch(2, { replace: { name: "B", title: null }, add: { phones: ["1"] }, remove: { groups: ["x", "y"] } }),
    new Gone(3),
  ];
  function* changes(settings, token) {
    assert.deepEqual([settings, token], [{ a: 1 }, BYTES]);
    yield* made;
    return Uint8Array.of(8);
  }
  const directory = listing(() => [], { changes });
  const { users, token, end } = new Host().changes(directory, { a: 1 }, BYTES);
  const expect = [
    new User("1", { name: "A", photo: BYTES }),
    new Patch("2", { replace: { name: "B", title: null }, add: { phones: ["1"] }, remove: { groups: ["x", "y"] } }),
    new Gone("3"),
  ];
  assert.deepEqual([users, token, end], [expect, Uint8Array.of(8), "changes"]);
  // Who cannot tell changes has everything read.
  assert.throws(() => new Host().changes(listing(() => []), {}, BYTES), TokenExpired);
});

test("settings are judged before anything else", () => {
  const validate = ({ a }) => (a ? [] : [fault("a", "is missing", "write `a`")]);
  const directory = listing(() => [], { validate, identity: () => "acme", check: () => [passed("x", "y")] });
  const host = new Host();
  assert.deepEqual(host.validate(directory, {}), [{ setting: "a", message: "is missing", hint: "write `a`" }]);
  assert.deepEqual(host.validate(directory, { a: 1 }), []);
  for (const call of ["list", "identity", "check", "attributes"]) {
    assert.throws(() => host[call](directory, {}), InvalidSettings, call);
  }
  assert.equal(host.identity(directory, { a: 1 }), "acme");
  assert.deepEqual(host.check(directory, { a: 1 }), { users: null, findings: [passed("x", "y")] });
  const bare = listing(() => [], { attributes: () => [attribute("name", "Its name.", { many: true })] });
  assert.deepEqual([host.identity(bare, {}), host.check(bare, {})], ["", { users: null, findings: [] }]);
  assert.deepEqual(host.attributes(bare, {}), [{ name: "name", kind: "text", many: true, about: "Its name." }]);
});

test("a listing that is none says so", () => {
  const check = (list, message) => {
    assert.throws(() => new Host().list(listing(list), {}), (error) => {
      assert.ok(error instanceof Permanent && message.test(error.message), error.message);
      return true;
    });
  };
  check(() => undefined, /^`list` gives nothing: write `\*list\(settings\) \{ … yield … \}`$/);
  check(async () => [], /^`list` is asynchronous/);
  check(async function* () {}, /^`list` is asynchronous/);
  check(() => new Map(), /^`list` is no generator and no array but Map/);
  check(() => [1].values(), /no generator and no array but Array Iterator/);
  check(undefined, /^the connector has no `\*list\(settings\) \{ … \}`$/);
  const asynchronous = listing(() => [], { check: async () => [], attributes: () => 7 });
  assert.throws(() => new Host().check(asynchronous, {}), /`check` is asynchronous/);
  assert.throws(() => new Host().attributes(asynchronous, {}), /TypeError: /);
  const directory = listing(() => [], { changes: () => undefined });
  assert.throws(() => new Host().changes(directory, {}, BYTES), /: `changes` gives nothing/);
});

test("a module without its export says so", () => {
  const host = new Host();
  for (const call of ["list", "identity", "check", "attributes"]) {
    assert.throws(() => host[call](exported(undefined, "hr.js"), {}), /`hr.js` exports no `directory`: write/, call);
    assert.throws(() => host[call](exported({ *list() {} }, "hr.js"), {}), /that `connector` has not made/, call);
  }
  assert.deepEqual(host.validate(exported(undefined, "hr.js"), {}), []);
  const directory = listing(() => []);
  assert.equal(exported(directory, "hr.js"), directory);
});

test("what the author did not think of is told, and where it was", () => {
  function* broken() {
    yield null.name;
  }
  const host = new Host();
  assert.throws(() => host.list(listing(broken), {}), (error) => error instanceof Permanent && /^TypeError: /.test(error.message));
  const [{ level, message }] = host.lines;
  assert.equal(level, "debug");
  assert.match(message, /^TypeError: .* at .*broken.*sdk\.test\.js:\d+/);
  assert.throws(() => host.list(listing(function* () { throw "a text"; }), {}), /string thrown: a text/);
  // An error of the contract is meant, and needs no stack.
  const lines = host.lines.length;
  assert.throws(() => host.list(listing(function* () { throw new Denied("no"); }), {}), Denied);
  assert.equal(host.lines.length, lines);
});

test("requests go through the host, and its errors come as classes", () => {
  const asks = (url) => listing(function* () {
    const response = http.get(url).query({ q: "a b", none: null }).login("hr").send();
    yield new User(1, { status: response.status, body: response.json().x });
    log.info("asked");
  });
  const host = new Host().json("https://a.test/?q=a%20b", 200, { x: "y" });
  assert.deepEqual(host.list(asks("https://a.test/"), {}).users, [new User("1", { status: 200, body: "y" })]);
  const [{ method, url, login }] = host.requests;
  assert.deepEqual([method, url, login], ["GET", "https://a.test/?q=a%20b", "hr"]);
  assert.deepEqual(host.lines, [{ level: "info", message: "asked" }]);
  assert.throws(() => host.list(asks("https://b.test/"), {}), Refused);
  host.fails("https://c.test/?q=a%20b", new MissingPermission("no", "people.read"));
  assert.throws(() => host.list(asks("https://c.test/"), {}), (error) => error.missing === "people.read");
  host.fails("https://d.test/?q=a%20b", new Transient("busy", 500));
  assert.throws(() => host.list(asks("https://d.test/"), {}), (error) => error.retryAfterMs === 500);
  host.answer("https://e.test/?q=a%20b", 200, { "content-type": "text/html" }, "<html>");
  assert.throws(() => host.list(asks("https://e.test/"), {}), /the answer is no JSON/);
});
