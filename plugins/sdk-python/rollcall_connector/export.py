"""The exported side: the contract's interface on top of the connector's class."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import GeneratorType
from typing import Any

from wit_world.exports import directory as wit
from wit_world.imports import run, types

from .connector import Connection, Connector
from .errors import InvalidSettings, Permanent
from .host import answered, fault
from .users import Gone, Patch, User, cell, key, text

# A page is handed over after so long although it is not full, so that slow directories show progress.
PAGE_MS = 10_000


def _made(settings: str) -> Connector:
    if Connector.made is None:
        raise Permanent("the program has no class below `Connector`")
    return Connector.made(json.loads(settings))


def _ready(settings: str) -> Connector:
    connector = _made(settings)
    if faults := list(connector.validate()):
        raise InvalidSettings(*faults)
    return connector


class Directory:
    """The functions of the interface `directory`."""

    def validate(self, settings: str) -> list[types.Fault]:
        return [fault(one) for one in _made(settings).validate()]

    def identity(self, settings: str) -> str:
        return answered(lambda: text(_ready(settings).identity()))

    def check(self, settings: str) -> wit.Connection:
        return answered(lambda: _connection(_ready(settings).check()))

    def attributes(self, settings: str) -> list[wit.AttributeInfo]:
        return answered(lambda: [_attribute(one) for one in _ready(settings).attributes()])


class Listing:
    """One reading: a generator, of which every call takes a page."""

    def __init__(self, begin: Callable[[], Iterator[Any]], coverage: types.Coverage):
        self._begin, self._coverage = begin, coverage
        self._found: Iterator[Any] | None = None
        self._waiting: list[Any] = []
        self._handed = 0

    @classmethod
    def open(cls, settings: str, since: bytes | None) -> Listing:
        connector = answered(_ready, settings)
        if since is None:
            return cls(connector.list, types.Coverage.EVERYTHING)
        return cls(lambda: connector.changes(since), types.Coverage.CHANGES)

    def next(self, max: int) -> types.Page:
        return answered(self._page, max)

    def _page(self, max: int) -> types.Page:
        if self._found is None:
            self._found = _iterator(self._begin())
        until = run.time_left_ms() - PAGE_MS
        changes, end, token = self._waiting, None, None
        while len(changes) < max and (not changes or run.time_left_ms() > until):
            try:
                found = next(self._found)
            except StopIteration as ended:
                end, token = self._coverage, ended.value
                break
            if isinstance(found, list):
                changes.extend(found)
                break
            changes.append(found)
        self._waiting = changes[max:]
        if len(changes) > max:
            changes = changes[:max]
        self._handed += len(changes)
        run.progress(self._handed, None)
        columns: dict[str, int] = {}
        rows = [_row(columns, change) for change in changes]
        names = [text(name) for name in columns]
        return types.Page(names, [_change(len(columns), *row) for row in rows], token, end)


def _iterator(found: Any) -> Iterator[Any]:
    # A `StopIteration` that escapes from what a `map` calls would be the end of it, and whoever is missing then is gone.
    # In a generator it is an error (PEP 479).
    if isinstance(found, (GeneratorType, list, tuple)):
        return iter(found)
    raise Permanent(f"a listing is a generator or a list, not {type(found).__name__}")


def _row(columns: dict[str, int], change: Any) -> tuple[Any, dict[int, Any]]:
    def at(name: str) -> int:
        return columns.setdefault(name, len(columns))

    match change:
        case User():
            return change, {at(name): cell(types, value) for name, value in change.attributes.items()}
        case Patch():
            edits = {at(name): types.Edit_Replace(cell(types, value)) for name, value in change.replace.items()}
            edits |= {at(name): types.Edit_Add([text(one) for one in more]) for name, more in change.add.items()}
            edits |= {at(name): types.Edit_Remove([text(one) for one in less]) for name, less in change.remove.items()}
            return change, edits
        case Gone():
            return change, {}
    raise Permanent(f"a listing yields users, not {type(change).__name__}")


def _change(width: int, change: Any, cells: dict[int, Any]) -> types.Change:
    match change:
        case User():
            none = types.Cell_None_()
            return types.Change_User(types.User(key(change.id), [cells.get(at, none) for at in range(width)]))
        case Patch():
            return types.Change_Patch(types.Patch(key(change.id), list(cells.items())))
        case _:
            return types.Change_Gone(key(change.id))


def _connection(outcome: Any) -> wit.Connection:
    if not isinstance(outcome, Connection):
        outcome = Connection(None, list(outcome or []))
    findings = [
        wit.Finding(one.subject, wit.State[one.state.upper()], text(one.message), one.hint) for one in outcome.findings
    ]
    return wit.Connection(outcome.users, findings)


def _attribute(one: Any) -> wit.AttributeInfo:
    return wit.AttributeInfo(text(one.name), wit.Kind[one.kind.upper()], one.many, text(one.about))
