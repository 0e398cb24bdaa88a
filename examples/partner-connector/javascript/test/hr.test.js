// The connector in Node, against answers that are written down: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { MissingPermission } from "rollcall-connector";
import { Host } from "rollcall-connector/testing";

import { directory } from "../hr.js";

const URL = "https://hr.test/v1/employees";
const SETTINGS = { url: "https://hr.test/" };

function page(number, ...ids) {
  const employees = ids.map((id) => ({ id, given_name: `Name ${id}`, phones: ["1", "2"] }));
  return { page: number, pages: 2, total: 3, employees };
}

test("everybody is read to the end", () => {
  const host = new Host().json(`${URL}?page=1`, 200, page(1, "E1", "E2")).json(`${URL}?page=2`, 200, page(2, "E3"));
  const { users, end } = host.list(directory, SETTINGS);
  assert.deepEqual(users.map(({ id }) => id), ["E1", "E2", "E3"]);
  assert.deepEqual([users[0].attributes.phones, end], [["1", "2"], "everything"]);
  assert.ok(host.requests.every(({ login }) => login === "hr"));
});

test("what is no page is no end", () => {
  const host = new Host().json(`${URL}?page=1`, 200, page(1, "E1")).json(`${URL}?page=2`, 200, {});
  assert.throws(() => host.list(directory, SETTINGS), /something else than the page/);
});

test("a missing permission is named", () => {
  const host = new Host().json(`${URL}?page=1`, 403, {});
  assert.throws(
    () => host.check(directory, SETTINGS),
    (error) => error instanceof MissingPermission && error.missing === "employees.read",
  );
});
