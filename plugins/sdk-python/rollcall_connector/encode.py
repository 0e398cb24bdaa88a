"""Encoders: the only way in which a value gets into a URL or a filter."""

import json
from urllib.parse import quote

from .errors import Permanent


def query_value(value: object) -> str:
    """Encodes a value of a URL's query. A space becomes `%20`, which every server reads alike."""
    return quote(str(value), safe="")


def path_segment(value: object) -> str:
    """Encodes a value as one segment of a URL's path; a parser takes the dots for steps even when encoded."""
    if str(value) in ("", ".", ".."):
        raise Permanent(f"`{value}` cannot be a part of a path")
    return quote(str(value), safe="")


def odata_text(value: str) -> str:
    """Writes a text as an OData literal, with its quotes."""
    return "'" + value.replace("'", "''") + "'"


def scim_text(value: str) -> str:
    """Writes a text as a value of a SCIM filter (RFC 7644, 3.4.2.2: a JSON string), with its quotes."""
    return json.dumps(value, ensure_ascii=False)


def filter_value(value: str | bytes) -> str:
    """Writes a value of an LDAP filter (RFC 4515)."""
    raw = value.encode() if isinstance(value, str) else value
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:02x}" for byte in raw)
