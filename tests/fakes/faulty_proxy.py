"""A loopback HTTP proxy before an S3 server, that fails in the ways servers and networks do.

It passes the Host header on unchanged: the signature covers it, and the server checks against
what it receives. It is a process of its own, for deltalake holds the interpreter's lock during
some of its requests: a thread could not answer them.
"""

from __future__ import annotations

import asyncio
import enum
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.fakes.s3_servers import S3Server

_LIMIT = 1 << 20
_CHUNK = 1 << 16
_HANG_S = 3600.0
_NO_BODY = {b"204", b"304"}


class Kind(enum.StrEnum):
    """What goes wrong."""

    INTERNAL_ERROR = "500 InternalError"
    SLOW_DOWN = "503 SlowDown"
    DELAY = "an answer that comes late"
    HANG = "a connection that is taken, and nothing more"
    RESET = "a connection reset before the request was looked at"
    CUT = "a connection reset in mid-answer"
    LOST = "the request is done, and its answer lost"


@dataclass(frozen=True)
class Request:
    """What the proxy saw of a request.

    Attributes:
        target: as on the wire, e.g. `/bucket/key%20x?list-type=2`.
        status: of the answer; 0 if there was none.
        sent, answered: bytes of the bodies; `answered` counts what the proxy passed on.
    """

    method: str
    target: str
    status: int
    sent: int
    answered: int


class FaultyProxy:
    """The proxy's switchboard.

    Attributes:
        server: how to reach the S3 server through it.
    """

    def __init__(self, server: S3Server, process: subprocess.Popen[str]) -> None:
        self.server = server
        self._process = process

    def fail(
        self,
        kind: Kind,
        *,
        count: int | None = None,
        seconds: float | None = None,
        every: int = 1,
        delay_s: float = 3.0,
        match: str = "",
    ) -> None:
        """Fail the next `count` requests of those within `seconds`; without both, for good.

        Args:
            every: only one of so many, by dice: what repeats itself would fail in step.
            match: only requests whose `METHOD /target` this pattern is found in.
        """
        self._ask("fail", kind, count, seconds, every, delay_s, match)

    def heal(self) -> None:
        """Work well from now on."""
        self._ask("heal")

    def forget(self) -> None:
        """Count requests from nought."""
        self._ask("forget")

    def requests(self) -> list[Request]:
        """Return all that came, in the order in which they were done with."""
        return [Request(*seen) for seen in self._ask("requests")]

    def struck(self) -> int:
        """Return how many requests failed on purpose."""
        return int(self._ask("struck"))

    def _ask(self, *words: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextmanager
def faulty_proxy(server: S3Server) -> Generator[FaultyProxy]:
    """Run a proxy before a server for the time of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.faulty_proxy", server.endpoint],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield FaultyProxy(server.behind(f"http://127.0.0.1:{port}"), process)
    finally:
        process.kill()
        process.communicate()


@dataclass
class _Fault:
    kind: Kind
    left: float
    until: float
    every: int
    delay_s: float
    match: re.Pattern[str]
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def strikes(self, request: str) -> bool:
        if self.left <= 0 or time.monotonic() > self.until or not self.match.search(request):
            return False
        if self.dice.randrange(self.every):
            return False
        self.left -= 1
        return True


class _Proxy:
    """The process's side of it."""

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._host, self._port = parts.hostname, parts.port
        self._fault: _Fault | None = None
        self._requests: list[Request] = []
        self._struck = 0

    def do(self, word: str, *arguments: Any) -> object:
        """Do what the switchboard says; return what it asks for."""
        if word == "fail":
            kind, count, seconds, every, delay_s, match = arguments
            left = float("inf") if count is None else count
            until = float("inf") if seconds is None else time.monotonic() + seconds
            self._fault = _Fault(Kind(kind), left, until, every, delay_s, re.compile(match))
        elif word == "heal":
            self._fault = None
        elif word == "forget":
            self._requests, self._struck = [], 0
        elif word == "requests":
            return [astuple(request) for request in self._requests]
        return self._struck

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests until it closes."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection can go on."""
        head = await reader.readuntil(b"\r\n\r\n")
        method, target = (word.decode("latin-1") for word in head.split(b" ", 2)[:2])
        headers = _headers(head)
        fault = self._struck_by(f"{method} {target}")
        kind = fault.kind if fault is not None else None
        if kind is Kind.HANG:
            await asyncio.sleep(_HANG_S)
        if kind is Kind.RESET:
            return self._reset(writer, Request(method, target, 0, 0, 0))
        if b"expect" in headers:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _body(reader, headers)
        if kind in (Kind.INTERNAL_ERROR, Kind.SLOW_DOWN):
            status, _, code = kind.encode().partition(b" ")
            writer.write(_error(status, code, method))
            await writer.drain()
            self._requests.append(Request(method, target, int(status), len(body), 0))
            return True
        if fault is not None and kind is Kind.DELAY:
            await asyncio.sleep(fault.delay_s)
        return await self._pass_on(head, body, writer, kind)

    def _struck_by(self, request: str) -> _Fault | None:
        if self._fault is None or not self._fault.strikes(request):
            return None
        self._struck += 1
        return self._fault

    async def _pass_on(
        self, head: bytes, body: bytes, writer: asyncio.StreamWriter, kind: Kind | None
    ) -> bool:
        """Ask the server, and hand its answer on, or not all of it."""
        method, target = (word.decode("latin-1") for word in head.split(b" ", 2)[:2])
        upstream, asking = await asyncio.open_connection(self._host, self._port, limit=_LIMIT)
        try:
            asking.write(_closing(head) + body)
            await asking.drain()
            answer = await upstream.readuntil(b"\r\n\r\n")
            while answer.split(b" ", 2)[1] == b"100":
                answer = await upstream.readuntil(b"\r\n\r\n")
            status = answer.split(b" ", 2)[1]
            if kind is Kind.LOST:
                return self._reset(writer, Request(method, target, 0, len(body), 0))
            writer.write(_without(answer, b"connection"))
            length = int(_headers(answer).get(b"content-length", b"-1"))
            if method == "HEAD" or status in _NO_BODY:
                length = 0
            whole = float("inf") if length < 0 else length
            passed = await _relay(upstream, writer, length // 2 if kind is Kind.CUT else whole)
            request = Request(method, target, int(status), len(body), passed)
            if kind is Kind.CUT:
                return self._reset(writer, request)
            self._requests.append(request)
            return True
        finally:
            asking.close()

    def _reset(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        writer.transport.abort()
        self._requests.append(request)
        return False


def _headers(head: bytes) -> dict[bytes, bytes]:
    pairs = (line.partition(b":") for line in head.split(b"\r\n")[1:-2])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _without(head: bytes, *names: bytes) -> bytes:
    first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in names]
    return b"\r\n".join([first, *kept, b"", b""])


def _closing(head: bytes) -> bytes:
    """Ask for a connection of its own: what ends the answer is then always clear."""
    kept = _without(head, b"connection", b"expect")
    return kept.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"


async def _body(reader: asyncio.StreamReader, headers: dict[bytes, bytes]) -> bytes:
    if headers.get(b"transfer-encoding", b"").lower() != b"chunked":
        return await reader.readexactly(int(headers.get(b"content-length", b"0")))
    body = b""
    while True:
        size = await reader.readuntil(b"\r\n")
        data = await reader.readexactly(int(size.split(b";")[0], 16) + 2)
        body += size + data
        if len(data) == 2:
            return body


async def _relay(
    upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, length: float
) -> int:
    """Pass `length` bytes on, or what there is; return how many."""
    passed = 0
    while passed < length and (data := await upstream.read(int(min(_CHUNK, length - passed)))):
        writer.write(data)
        await writer.drain()
        passed += len(data)
    await writer.drain()
    return passed


def _error(status: bytes, code: bytes, method: str) -> bytes:
    body = b"<Error><Code>%s</Code><Message>Please try again.</Message></Error>" % code
    length = len(body)
    if method == "HEAD":
        body = b""
    return b"HTTP/1.1 %s %s\r\nContent-Type: application/xml\r\nContent-Length: %d\r\n\r\n%s" % (
        status,
        code,
        length,
        body,
    )


async def _serve(upstream: str) -> None:
    proxy = _Proxy(upstream)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=_LIMIT)
    said = sys.stdout
    said.write(f"{listening.sockets[0].getsockname()[1]}\n")
    said.flush()
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin
    )
    while line := await commands.readline():
        said.write(json.dumps(proxy.do(*json.loads(line))) + "\n")
        said.flush()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
