"""The SDK in plain Python, with a host for tests below it: what is yielded comes as it was meant."""

import unittest

from rollcall_connector.testing import Host
from rollcall_connector import (
    Connector,
    Denied,
    Fault,
    Gone,
    InvalidSettings,
    MissingPermission,
    Patch,
    Permanent,
    Refused,
    TokenExpired,
    Transient,
    User,
    attribute,
    http,
    log,
    passed,
)

BYTES = b"\x00\xff\x07"


def listing(list, **more):
    """Makes a connector of functions."""
    return type("Made", (Connector,), {"list": list, **more})


class Sdk(unittest.TestCase):
    def test_users_come_in_pages_and_end_with_a_token(self):
        def list(self):
            for id in range(1, self.settings["count"] + 1):
                yield User(id, {"name": f"N{id}"})
            return BYTES

        read = Host().list(listing(list), {"count": 5}, 2)
        self.assertEqual([user.id for user in read.users], ["1", "2", "3", "4", "5"])
        self.assertEqual((read.pages, read.token, read.end), (3, BYTES, "everything"))
        both = Host().list(listing(lambda self: [[User("a", {}), User("b", {})], User("c", {})]), {}, 10)
        self.assertEqual((len(both.users), both.token), (3, None))

    def test_values_keep_what_they_are(self):
        given = {
            "text": "Zoë 🌟", "none": None, "empty": "", "whole": 7, "part": 0.5, "yes": True, "bytes": BYTES,
            "list": ["a", None, 1, {"b": 2}], "nothing": [], "object": {"a": 1}, "large": 2**70,
        }  # fmt: skip
        expect = {
            "text": "Zoë 🌟", "whole": 7, "part": "0.5", "yes": True, "bytes": BYTES, "list": ["a", "1", '{"b":2}'],
            "object": '{"a":1}', "large": str(2**70),
        }  # fmt: skip
        read = Host().list(listing(lambda self: [User("1", given)]), {})
        self.assertEqual(read.users, [User("1", expect)])
        for id in (None, "", 1.5, {}, True):
            with self.assertRaisesRegex(Permanent, "has no id"):
                Host().list(listing(lambda self: [User(id, {})]), {})
        with self.assertRaisesRegex(Permanent, "half a character"):
            Host().list(listing(lambda self: [User("1", {"name": "\ud83c"})]), {})

    def test_changes_are_users_patches_and_who_is_gone(self):
        seen = []

        def changes(self, token):
            seen.append((self.settings, token))
            yield User(1, {"name": "A", "photo": BYTES})
            yield Patch(2, {"name": "B", "title": None}, {"phones": ["1"]}, {"groups": ["x", "y"]})
            yield Gone(3)
            return b"next"

        read = Host().changes(listing(lambda self: [], changes=changes), {"a": 1}, BYTES)
        self.assertEqual(seen, [({"a": 1}, BYTES)])
        expect = [
            User("1", {"name": "A", "photo": BYTES}),
            Patch("2", {"name": "B", "title": None}, {"phones": ["1"]}, {"groups": ["x", "y"]}),
            Gone("3"),
        ]
        self.assertEqual((read.users, read.token, read.end), (expect, b"next", "changes"))
        # Who cannot tell changes has everything read.
        with self.assertRaises(TokenExpired):
            Host().changes(listing(lambda self: []), {}, BYTES)

    def test_settings_are_judged_before_anything_else(self):
        def validate(self):
            return [] if self.settings.get("a") else [Fault("a", "is missing", "write `a`")]

        made = listing(
            lambda self: [],
            validate=validate,
            identity=lambda self: "acme",
            check=lambda self: [passed("x", "y")],
            attributes=lambda self: [attribute("name", "Its name.", many=True)],
        )
        host = Host()
        self.assertEqual(host.validate(made, {}), [Fault("a", "is missing", "write `a`")])
        self.assertEqual(host.validate(made, {"a": 1}), [])
        for call in (host.list, host.identity, host.check, host.attributes):
            with self.assertRaises(InvalidSettings):
                call(made, {})
        self.assertEqual(host.identity(made, {"a": 1}), "acme")
        self.assertEqual([one.state for one in host.check(made, {"a": 1}).findings], ["passed"])
        self.assertEqual([(one.name, one.many) for one in host.attributes(made, {"a": 1})], [("name", True)])
        self.assertEqual(host.identity(listing(lambda self: []), {}), "")

    def test_a_listing_that_is_none_says_so(self):
        for found in (None, map(str, []), {}):
            with self.assertRaisesRegex(Permanent, "a listing is a generator or a list, not"):
                Host().list(listing(lambda self: found), {})
        with self.assertRaisesRegex(Permanent, "yields users, not str"):
            Host().list(listing(lambda self: ["Anna"]), {})
        with self.assertRaisesRegex(Permanent, "NotImplementedError: a connector needs the method `list`"):
            Host().list(type("Made", (Connector,), {}), {})

    def test_what_the_author_did_not_think_of_is_told_and_where_it_was(self):
        def broken(self):
            yield None.name

        host = Host()
        with self.assertRaisesRegex(Permanent, "^AttributeError: "):
            host.list(listing(broken), {})
        [(level, message)] = host.lines
        self.assertEqual(level, "debug")
        self.assertRegex(message, r"^AttributeError in .*broken:\d+")

        def denied(self):
            raise Denied("no")
            yield

        with self.assertRaises(Denied):
            host.list(listing(denied), {})
        self.assertEqual(len(host.lines), 1)

    def test_requests_go_through_the_host_and_its_errors_are_exceptions(self):
        def asks(url):
            def list(self):
                response = http.get(url).query(q="a b", none=None).login("hr").send()
                yield User(1, {"status": response.status, "body": response.json()["x"]})
                log.info("asked")

            return listing(list)

        host = Host().json("https://a.test/?q=a%20b", 200, {"x": "y"})
        self.assertEqual(host.list(asks("https://a.test/"), {}).users, [User("1", {"status": 200, "body": "y"})])
        [request] = host.requests
        self.assertEqual((request.method, request.login), ("GET", "hr"))
        self.assertEqual(host.lines, [("info", "asked")])
        with self.assertRaises(Refused):
            host.list(asks("https://b.test/"), {})
        host.fails("https://c.test/?q=a%20b", MissingPermission("no", "people.read"))
        with self.assertRaises(Denied) as denied:
            host.list(asks("https://c.test/"), {})
        self.assertEqual(denied.exception.missing, "people.read")
        host.fails("https://d.test/?q=a%20b", Transient("busy", 500))
        with self.assertRaises(Transient) as busy:
            host.list(asks("https://d.test/"), {})
        self.assertEqual(busy.exception.retry_after_ms, 500)
        host.answer("https://e.test/?q=a%20b", 200, {"content-type": "text/html"}, b"<html>")
        with self.assertRaisesRegex(Permanent, "the answer is no JSON"):
            host.list(asks("https://e.test/"), {})


if __name__ == "__main__":
    unittest.main()
