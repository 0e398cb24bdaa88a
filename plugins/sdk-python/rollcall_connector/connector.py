"""The one class of a connector, and the small values that it hands back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import Fault, TokenExpired
from .users import Gone, Patch, User

Kind = Literal["text", "integer", "boolean", "bytes"]
State = Literal["passed", "warned", "failed"]


@dataclass
class Attribute:
    """An attribute that a listing can yield; `many`: it may have several values."""

    name: str
    kind: Kind
    about: str
    many: bool = False


@dataclass
class Finding:
    """One line of a connection test."""

    subject: str
    state: State
    message: str
    hint: str | None = None


@dataclass
class Connection:
    """The outcome of a connection test; `users`: how many are in scope, where the directory can tell cheaply."""

    users: int | None = None
    findings: list[Finding] = field(default_factory=list)


def attribute(name: str, about: str, kind: Kind = "text", many: bool = False) -> Attribute:
    """Describes an attribute."""
    return Attribute(name, kind, about, many)


def passed(subject: str, message: str, hint: str | None = None) -> Finding:
    """Makes a finding that is as it should be."""
    return Finding(subject, "passed", message, hint)


def warned(subject: str, message: str, hint: str | None = None) -> Finding:
    """Makes a finding that works and that somebody should look at."""
    return Finding(subject, "warned", message, hint)


def failed(subject: str, message: str, hint: str | None = None) -> Finding:
    """Makes a finding that does not work."""
    return Finding(subject, "failed", message, hint)


class Connector:
    """A directory that can be listed. A subclass is the connector; nothing of it lasts from one run to the next.

    `settings` is the job's `[directory.settings]` as a dictionary, the manifest's presets and defaults filled in. The
    host has checked names, types and required ones.
    """

    made: type[Connector] | None = None

    def __init_subclass__(cls) -> None:
        Connector.made = cls

    def __init__(self, settings: dict[str, Any]):
        self.settings = settings

    def validate(self) -> list[Fault]:
        """Names the mistakes between settings. No capability answers meanwhile. Asked before every other call too."""
        return []

    def identity(self) -> str:
        """Gives which directory this is (tenant, organisation); empty where there is no such thing."""
        return ""

    def check(self) -> Connection | Iterable[Finding]:
        """Tests the connection: reaches, signs in, counts, names the permission that is missing."""
        return Connection()

    def attributes(self) -> Iterable[Attribute]:
        """Gives the attributes that a listing can yield."""
        return []

    def list(self) -> Iterator[User | list[User]]:
        """Yields everybody in scope. To end it well is to say: whoever was not yielded is gone.

        Users that are yielded one at a time are collected to pages; a list of users is handed over at once. Bytes that
        are returned at the end are the token from which `changes` may go on in the next run.
        """
        raise NotImplementedError("a connector needs the method `list`")

    def changes(self, token: bytes) -> Iterator[User | Patch | Gone | list]:
        """Yields what changed since a token and returns the next token; without this method, everything is read."""
        raise TokenExpired
