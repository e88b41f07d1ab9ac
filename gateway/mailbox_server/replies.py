"""Answers as octets and header fields; sending a message."""

import json
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer
from zope.interface import implementer

from gateway.mailbox_server.problems import Problem
from gateway.mailbox_server.store import Message, Octets

Request: TypeAlias = Any
"""`twisted.web.server.Request`, which has no types."""
_CHUNK = 128 * 1024


def problem(request: Request, why: Problem) -> bytes:
    """Make the answer of a request that one."""
    request.setResponseCode(why.status)
    for name, value in why.headers.items():
        request.setHeader(name, value)
    request.setHeader("Content-Type", "application/problem+json")
    return sized(request, why.body())


def as_json(request: Request, answer: object) -> bytes:
    """An answer in JSON."""
    request.setHeader("Content-Type", "application/json")
    return sized(request, json.dumps(answer).encode())


def sized(request: Request, octets: bytes) -> bytes:
    """An answer of which the length is told."""
    request.setHeader("Content-Length", str(len(octets)))
    request.setHeader("Cache-Control", "private, no-cache")
    return octets


def raw_headers(request: Request, message: Message, span: tuple[int, int] | None) -> None:
    """All that comes before the octets: of the whole message, or of this span of it."""
    length = message.size
    if span is not None:
        request.setResponseCode(206)
        length = span[1] - span[0]
        shown = f"bytes {span[0]}-{span[1] - 1}/{message.size}"
        request.setHeader("Content-Range", shown)
    request.setHeader("Content-Type", "message/rfc822")
    request.setHeader("Content-Length", str(length))
    request.setHeader("ETag", message.etag)
    request.setHeader("Accept-Ranges", "bytes")
    request.setHeader("Cache-Control", "private, no-cache")


async def send(octets: Octets, length: int, request: Request) -> None:
    """Send with back-pressure; a message that turns out short breaks the connection off.

    If the client leaves, this is cancelled.
    """
    sending = _Sending(octets, request)
    request.registerProducer(sending, streaming=False)
    if await sending.done != length:
        request.transport.abortConnection()


@implementer(IPullProducer)
class _Sending:
    """Gives the transport a piece whenever it has room."""

    def __init__(self, octets: Octets, request: Request) -> None:
        self._octets = octets
        self._request = request
        self._sent = 0
        self.done: Deferred[int] = Deferred()

    def resumeProducing(self) -> None:
        try:
            piece = self._octets.read(_CHUNK)
        except OSError:
            piece = b""
        if piece:
            self._sent += len(piece)
            self._request.write(piece)
        else:
            self._request.unregisterProducer()
            self.done.callback(self._sent)

    def stopProducing(self) -> None:
        """The client has left; who waits for `done` is cancelled."""
