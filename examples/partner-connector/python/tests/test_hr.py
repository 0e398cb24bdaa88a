"""The connector in plain Python, against answers that are written down: `.venv/bin/python -m unittest tests/test_hr.py`."""

import unittest

from rollcall_connector.testing import Host  # first: it stands in for the host that `hr` imports
from rollcall_connector import MissingPermission, Permanent

from hr import Hr

URL = "https://hr.test/v1/employees"
SETTINGS = {"url": "https://hr.test/"}


def page(number, *ids):
    employees = [{"id": id, "given_name": f"Name {id}", "phones": ["1", "2"]} for id in ids]
    return {"page": number, "pages": 2, "total": 3, "employees": employees}


class HrTest(unittest.TestCase):
    def test_everybody_is_read_to_the_end(self):
        host = Host().json(f"{URL}?page=1", 200, page(1, "E1", "E2")).json(f"{URL}?page=2", 200, page(2, "E3"))
        read = host.list(Hr, SETTINGS)
        self.assertEqual([user.id for user in read.users], ["E1", "E2", "E3"])
        self.assertEqual((read.users[0].attributes["phones"], read.end), (["1", "2"], "everything"))
        self.assertEqual({request.login for request in host.requests}, {"hr"})

    def test_what_is_no_page_is_no_end(self):
        host = Host().json(f"{URL}?page=1", 200, page(1, "E1")).json(f"{URL}?page=2", 200, {})
        with self.assertRaisesRegex(Permanent, "something else than the page"):
            host.list(Hr, SETTINGS)

    def test_a_missing_permission_is_named(self):
        host = Host().json(f"{URL}?page=1", 403, {})
        with self.assertRaises(MissingPermission) as refused:
            host.check(Hr, SETTINGS)
        self.assertEqual(refused.exception.missing, "employees.read")


if __name__ == "__main__":
    unittest.main()
