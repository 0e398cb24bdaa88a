"""HTTP through the host, which owns TLS, proxy, retries, redirects (never followed) and the sign-in.

An answer of any status is an answer; an exception means that there was none, or that the host said no. The host has
already retried 429, 502, 503, 504 and lost connections, so a connector never does.
"""

from __future__ import annotations

import json
from typing import Any

from wit_world.imports import http as wit

from . import encode
from .errors import Permanent, quoted
from .host import asked

JSON_BODY_BYTES = 32 << 20
READ_CHUNK_BYTES = 256 << 10


def get(url: str) -> Request:
    """Begins a GET request. The URL is absolute and its origin granted."""
    return Request("GET", url)


def post(url: str, body: Any) -> Request:
    """Begins a POST request of a JSON body."""
    request = Request("POST", url).header("content-type", "application/json")
    request.body = json.dumps(body).encode()
    return request


class Request:
    """A request in the making."""

    def __init__(self, method: str, url: str):
        self.method, self.url, self.body = method, url, b""
        self.headers: list[tuple[str, str]] = []
        self.signed: str | None = None

    def login(self, name: str) -> Request:
        """Names the login of the manifest that signs this request."""
        self.signed = name
        return self

    def header(self, name: str, value: str) -> Request:
        """Adds a header. `Authorization`, `Cookie`, `Host` and `Proxy-*` are the host's and refused."""
        self.headers.append((name, value))
        return self

    def query(self, **parameters: object) -> Request:
        """Adds parameters to the query, their values encoded; one that is None is left out."""
        for name, value in parameters.items():
            if value is not None:
                mark = "&" if "?" in self.url else "?"
                self.url += f"{mark}{encode.query_value(name)}={encode.query_value(value)}"
        return self

    def send(self) -> Response:
        """Sends the request."""
        request = wit.Request(self.method, self.url, self.headers, self.body, self.signed)
        return Response(asked(wit.send, request))


class Response:
    """An answer, whose body is read when it is asked for."""

    def __init__(self, inner: wit.Response):
        self._inner = inner
        self.status: int = inner.status()
        self.headers: list[tuple[str, str]] = inner.headers()

    @property
    def ok(self) -> bool:
        """Tells whether the status is in the two hundreds."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """Gives a header's first value."""
        return next((value for key, value in self.headers if key == name.lower()), None)

    def read(self, max: int = READ_CHUNK_BYTES) -> bytes:
        """Reads a part of the body, at most `max` bytes; empty at the end."""
        return asked(self._inner.read, max)

    def read_all(self, limit: int = JSON_BODY_BYTES) -> bytes:
        """Reads the whole body. One that is longer than `limit` bytes is an error, never a shorter one."""
        whole = bytearray()
        while part := self.read():
            if len(whole) + len(part) > limit:
                raise Permanent(f"the answer has more than {limit} bytes")
            whole += part
        return bytes(whole)

    def text(self) -> str:
        """Reads the whole body as UTF-8."""
        try:
            return self.read_all().decode()
        except UnicodeDecodeError as error:
            raise Permanent("the answer is no UTF-8") from error

    def json(self) -> Any:
        """Reads the whole body as JSON."""
        try:
            return json.loads(self.text(), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Permanent(f"the answer is no JSON: {quoted(str(error))}") from error

    def excerpt(self) -> str:
        """Reads the beginning of the body as text for a message: one line, bounded."""
        return quoted(self.read().decode(errors="replace"))


def _no_number(name: str) -> None:
    raise ValueError(f"`{name}` is no number of JSON")
