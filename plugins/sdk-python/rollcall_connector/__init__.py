"""The Python SDK for directory connectors of rollcall.

A connector is one class below `Connector`, made into a component by `rollcall-componentize FILE.py`. Everything foreign
goes through the host: `rollcall_connector.http`, `.ldap` and `.files` reach what the manifest asks for and the job
grants. Sign-ins are named, never made.
"""

from .connector import Attribute, Connection, Connector, Finding, attribute, failed, passed, warned
from .errors import (
    Denied,
    Error,
    Fault,
    InvalidSettings,
    MissingPermission,
    Permanent,
    Refused,
    TokenExpired,
    Transient,
    quoted,
)
from .users import Gone, Patch, User

__all__ = [
    "Attribute",
    "Connection",
    "Connector",
    "Denied",
    "Error",
    "Fault",
    "Finding",
    "Gone",
    "InvalidSettings",
    "MissingPermission",
    "Patch",
    "Permanent",
    "Refused",
    "TokenExpired",
    "Transient",
    "User",
    "attribute",
    "failed",
    "passed",
    "quoted",
    "warned",
]
