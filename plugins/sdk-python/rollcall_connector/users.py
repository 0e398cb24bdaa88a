"""Users, and how the values of their attributes become cells of the contract."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from .errors import Permanent

_HALF = re.compile("[\ud800-\udfff]")
_WHOLE = range(-(2**63), 2**63)


@dataclass
class User:
    """A user, whole. `id` never changes and is never given to another user; an e-mail address is no id.

    Values may be as JSON gives them: text, numbers, true and false, None, lists, objects; and bytes.
    """

    id: str | int
    attributes: dict[str, Any]


@dataclass
class Gone:
    """Somebody who left the directory or the scope; only `Connector.changes` needs it."""

    id: str | int


@dataclass
class Patch:
    """A user known in part: attributes not named stay as they were. Only `Connector.changes` may yield it."""

    id: str | int
    replace: dict[str, Any] = field(default_factory=dict)
    add: dict[str, list[str]] = field(default_factory=dict)
    remove: dict[str, list[str]] = field(default_factory=dict)


def key(id: object) -> str:
    """Checks an id. A missing one is an error here, because two users without would become one."""
    if isinstance(id, int) and not isinstance(id, bool):
        return str(id)
    if isinstance(id, str) and id:
        return text(id)
    raise Permanent(f"a user has no id: it is {id!r}"[:200])


def text(value: str) -> str:
    """Checks that a text can be handed over."""
    if not value.isascii() and _HALF.search(value):
        raise Permanent("a text has half a character, which cannot be handed over")
    return value


def plain(value: Any) -> str:
    """Gives any value of JSON as text: text as it is, the rest as JSON."""
    if isinstance(value, str):
        return text(value)
    return text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def cell(types: Any, value: Any) -> Any:
    """Makes a cell. None, empty text and an empty list are none; a number that is no 64-bit whole one is text."""
    if isinstance(value, str):
        return types.Cell_Text(text(value)) if value else types.Cell_None_()
    if value is None:
        return types.Cell_None_()
    if isinstance(value, bool):
        return types.Cell_Boolean(value)
    if isinstance(value, int) and value in _WHOLE:
        return types.Cell_Integer(value)
    if isinstance(value, (bytes, bytearray)):
        return types.Cell_Bytes(bytes(value))
    if isinstance(value, (list, tuple)):
        texts = [plain(item) for item in value if item is not None]
        return types.Cell_Texts(texts) if texts else types.Cell_None_()
    return types.Cell_Text(plain(value))
