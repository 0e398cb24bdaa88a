"""Employees of Bellbird, a made-up HR system."""

from rollcall_connector import Connection, Connector, Denied, MissingPermission, Permanent, User
from rollcall_connector import attribute, http, passed

COLUMNS = ["id", "given_name", "family_name", "email", "department", "phones", "manager"]


class Hr(Connector):
    def check(self):
        people = self.people(1)
        return Connection(people["total"], [passed("employees.read", "employees can be listed")])

    def attributes(self):
        return [attribute(name, "As in Bellbird.", many=name == "phones") for name in COLUMNS]

    def list(self):
        page, pages = 1, 1
        while page <= pages:
            people = self.people(page)
            pages = people["pages"]
            yield [User(one["id"], {name: one.get(name) for name in COLUMNS}) for one in people["employees"]]
            page += 1

    def people(self, page):
        url = self.settings["url"].rstrip("/") + "/v1/employees"
        request = http.get(url).query(page=page, department=self.settings.get("department"))
        response = request.login("hr").send()
        if response.status == 401:
            raise Denied("Bellbird refuses the sign-in")
        if response.status == 403:
            raise MissingPermission("Bellbird refuses to list employees", "employees.read")
        if response.status != 200:
            raise Permanent(f"Bellbird answered {response.status}: {response.excerpt()}")
        people = response.json()
        # What lacks any of these is no page of Bellbird, and must never pass for an empty one.
        match people:
            case {"employees": list(), "page": int(got), "pages": int(), "total": int()} if got == page:
                return people
        raise Permanent("Bellbird gave something else than the page that was asked for")
