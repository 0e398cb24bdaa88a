"""Why a call did not succeed. The class decides the exit code of the run; the host raises these too.

Any other exception ends the call as `Permanent`, with the exception's name and text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

QUOTED_CHARACTERS = 300
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Error(Exception):
    """What all errors of the contract have in common."""


class Transient(Error):
    """May succeed later. The host has already retried what HTTP or LDAP told it to."""

    def __init__(self, message: str, retry_after_ms: int | None = None):
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class Denied(Error):
    """The directory refused the credential or a permission."""

    missing: str | None = None


class MissingPermission(Denied):
    """The directory refused a permission, which is named as the directory names it."""

    def __init__(self, message: str, permission: str):
        super().__init__(message)
        self.missing = permission


@dataclass
class Fault:
    """A setting that is wrong; `hint` says what to type."""

    setting: str
    message: str
    hint: str | None = None


class InvalidSettings(Error):
    """The settings cannot work; all mistakes at once."""

    def __init__(self, *faults: Fault):
        super().__init__("; ".join(f"{fault.setting}: {fault.message}" for fault in faults))
        self.faults = list(faults)


class TokenExpired(Error):
    """The token is too old or unknown: the host begins again without one."""


class Refused(Error):
    """The host said no: not granted, or over a limit."""


class Permanent(Error):
    """Will not succeed again either."""


def quoted(text: str) -> str:
    """Makes foreign text fit for a message: one line, no control characters, bounded."""
    clean = _CONTROL.sub(" ", text[:QUOTED_CHARACTERS])
    return (clean + "…" if len(text) > QUOTED_CHARACTERS else clean).strip()
