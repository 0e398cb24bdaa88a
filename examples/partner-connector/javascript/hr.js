// Employees of Bellbird, a made-up HR system.

import { attribute, connector, Denied, MissingPermission, passed, Permanent, User } from "rollcall-connector";
import * as http from "rollcall-connector/http";

const COLUMNS = ["id", "given_name", "family_name", "email", "department", "phones", "manager"];

function people({ url, department }, page) {
  const request = http.get(`${url.replace(/\/+$/, "")}/v1/employees`).query({ page, department });
  const response = request.login("hr").send();
  if (response.status === 401) {
    throw new Denied("Bellbird refuses the sign-in");
  }
  if (response.status === 403) {
    throw new MissingPermission("Bellbird refuses to list employees", "employees.read");
  }
  if (response.status !== 200) {
    throw new Permanent(`Bellbird answered ${response.status}: ${response.excerpt()}`);
  }
  const people = response.json();
  // What lacks any of these is no page of Bellbird, and must never pass for an empty one.
  const whole = Array.isArray(people?.employees) && Number.isInteger(people.pages) && Number.isInteger(people.total);
  if (!whole || people.page !== page) {
    throw new Permanent("Bellbird gave something else than the page that was asked for");
  }
  return people;
}

function user(employee) {
  return new User(employee.id, Object.fromEntries(COLUMNS.map((name) => [name, employee[name]])));
}

export const directory = connector({
  check(settings) {
    const { total } = people(settings, 1);
    return { users: total, findings: [passed("employees.read", "employees can be listed")] };
  },

  attributes() {
    return COLUMNS.map((name) => attribute(name, "As in Bellbird.", { many: name === "phones" }));
  },

  *list(settings) {
    let pages = 1;
    for (let page = 1; page <= pages; page++) {
      const { employees, pages: known } = people(settings, page);
      pages = known;
      yield employees.map(user);
    }
  },
});
