"""Tests of a connector in plain Python, without a component: `Host` stands where the real host stands.

Import it before the connector, whose imports of the contract it answers:

    from rollcall_connector.testing import Host
    from hr import Hr

    host = Host().json("https://hr.test/v1/employees?page=1", 200, {"employees": []})
    assert host.list(Hr, {"url": "https://hr.test"}).users == []

A request that no answer was written for is refused, as a real host refuses what was not granted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .connector import Connection, Connector
from .testing_contract import Err, install, types
from .users import Gone, Patch, User

_present: list[Host] = []


@dataclass
class Request:
    """What was asked over HTTP."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    login: str | None


@dataclass
class Read:
    """What a listing gave: users (of changes `Patch` and `Gone` too), on how many pages, the token, and what it covers."""

    users: list[User | Patch | Gone] = field(default_factory=list)
    pages: int = 0
    token: bytes | None = None
    end: str | None = None


class Host:
    """A host whose answers are known."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.lines: list[tuple[str, str]] = []
        self._answers: dict[str, list[Callable[[], _Answer]]] = {}
        self._files: dict[str, bytes] = {}

    def json(self, url: str, status: int, body: Any) -> Host:
        """Writes down an answer of JSON for a URL. Several are given one after the other, the last one for ever."""
        return self.answer(url, status, {"content-type": "application/json"}, json.dumps(body).encode())

    def answer(self, url: str, status: int, headers: dict[str, str], body: bytes) -> Host:
        """Writes down an answer with headers of its own, names in lower case."""
        return self._put(url, lambda: _Answer(status, list(headers.items()), body))

    def fails(self, url: str, error: errors.Error) -> Host:
        """Writes down that the host says no to a URL, or gets no answer: `Transient("…")`."""
        from .host import answered

        def fail() -> Any:
            raise error

        return self._put(url, lambda: answered(fail))

    def file(self, path: str, content: bytes) -> Host:
        """Puts a file into the granted folder."""
        self._files[path] = content
        return self

    def list(self, connector: type[Connector], settings: dict[str, Any], max: int = 100) -> Read:
        """Reads a whole listing, `max` users at a time."""
        return self._read(connector, settings, None, max)

    def changes(self, connector: type[Connector], settings: dict[str, Any], token: bytes, max: int = 100) -> Read:
        """Reads what changed since a token."""
        return self._read(connector, settings, token, max)

    def check(self, connector: type[Connector], settings: dict[str, Any]) -> Connection:
        """Tests the connection."""
        made = self._call(connector, "check", settings)
        for finding in made.findings:
            finding.state = finding.state.name.lower()
        return Connection(made.users, made.findings)

    def attributes(self, connector: type[Connector], settings: dict[str, Any]) -> list[Any]:
        """Gives the attributes that a listing can yield."""
        return self._call(connector, "attributes", settings)

    def identity(self, connector: type[Connector], settings: dict[str, Any]) -> str:
        """Gives which directory it is."""
        return self._call(connector, "identity", settings)

    def validate(self, connector: type[Connector], settings: dict[str, Any]) -> list[errors.Fault]:
        """Gives the faults between settings."""
        faults = self._call(connector, "validate", settings)
        return [errors.Fault(one.setting, one.message, one.hint) for one in faults]

    def _put(self, url: str, answer: Callable[[], _Answer]) -> Host:
        self._answers.setdefault(url, []).append(answer)
        return self

    def _call(self, connector: type[Connector], name: str, settings: dict[str, Any]) -> Any:
        from .export import Directory

        return self._run(connector, lambda: getattr(Directory(), name)(json.dumps(settings)))

    def _run(self, connector: type[Connector], call: Callable[[], Any]) -> Any:
        from .host import asked

        Connector.made = connector
        _present.append(self)
        try:
            return asked(call)
        finally:
            _present.pop()

    def _read(self, connector: type[Connector], settings: dict[str, Any], since: bytes | None, max: int) -> Read:
        from .export import Listing

        def all_of_it() -> Read:
            listing = Listing.open(json.dumps(settings), since)
            read = Read()
            while read.end is None:
                page = listing.next(max)
                read.pages += 1
                read.users.extend(_known(page.columns, change) for change in page.changes)
                if page.end is not None:
                    read.token, read.end = page.token, page.end.name.lower()
            return read

        return self._run(connector, all_of_it)

    # What the interfaces of the contract ask for.

    def _send(self, request: Any) -> _Answer:
        self.requests.append(Request(request.method, request.url, request.headers, request.body, request.login))
        answers = self._answers.get(request.url)
        if answers is None:
            raise Err(types.Error_Refused(f"no answer is written down for {request.method} {request.url}"))
        return (answers.pop(0) if len(answers) > 1 else answers[0])()

    def _open(self, path: str) -> _Answer:
        if path not in self._files:
            raise Err(types.Error_Permanent(f"there is no file {path}"))
        return _Answer(200, [], self._files[path])

    def _names(self, folder: str) -> list[str]:
        start = folder if folder == "" or folder.endswith("/") else f"{folder}/"
        inside = (path[len(start) :] for path in self._files if path.startswith(start))
        return sorted(name for name in inside if "/" not in name)


class _Answer:
    """An answer or an open file: bytes that are pulled."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes):
        self._status, self._headers, self._body = status, headers, body

    def status(self) -> int:
        return self._status

    def headers(self) -> list[tuple[str, str]]:
        return self._headers

    def read(self, max: int) -> bytes:
        piece, self._body = self._body[:max], self._body[max:]
        return piece


def _known(columns: list[str], change: Any) -> User | Patch | Gone:
    """Makes a change of the contract what the connector yielded; an attribute without a value is left out."""
    none = types.Cell_None_
    match change:
        case types.Change_Gone(id):
            return Gone(id)
        case types.Change_User(user):
            cells = zip(columns, user.cells, strict=True)
            return User(user.id, {name: cell.value for name, cell in cells if not isinstance(cell, none)})
    patch = Patch(change.value.id)
    for at, edit in change.value.edits:
        match edit:
            case types.Edit_Replace(cell):
                patch.replace[columns[at]] = None if isinstance(cell, none) else cell.value
            case types.Edit_Add(more):
                patch.add[columns[at]] = more
            case types.Edit_Remove(less):
                patch.remove[columns[at]] = less
    return patch


def _current() -> Host:
    if not _present:
        raise RuntimeError("a connector is called in a test by a `Host`")
    return _present[-1]


def _no_ldap(_query: Any) -> Any:
    raise Err(types.Error_Refused("a host for tests has no LDAP server"))


if "wit_world" not in sys.modules:
    install(
        http={"send": lambda request: _current()._send(request)},
        files={"open": lambda path: _current()._open(path), "names": lambda folder: _current()._names(folder)},
        ldap={"start": _no_ldap},
        log={"write": lambda level, message: _current().lines.append((level.name.lower(), message))},
        run={"progress": lambda done, total: None, "time_left_ms": lambda: 60_000},
    )
