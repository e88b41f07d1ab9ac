"""The server around the API: authentication first, limits on what comes in, the listener."""

import secrets
from pathlib import Path
from typing import Any

from twisted.protocols.policies import WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from gateway.logs import take_over_twisted
from gateway.mailbox_server import replies
from gateway.mailbox_server.api import Limits, MailboxApi
from gateway.mailbox_server.credentials import Credentials
from gateway.mailbox_server.history import History
from gateway.mailbox_server.locks import Lock
from gateway.mailbox_server.maildir import MaildirStore
from gateway.mailbox_server.problems import Problem

# 500 ids of 70 characters, each of them escaped in JSON, and room for the rest.
_LONGEST_BODY = 256 * 1024
_GIVE_UP_AFTER = 16 * _LONGEST_BODY
_IDLE_SECONDS = 60
_CONNECTIONS = 200


class BoundedRequest(Request):
    """A request of which no more is kept than a right one has."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Forms are not for us, and reading them costs.
        kwargs["parsePOSTFormSubmission"] = False
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]
        self._taken = 0

    @property
    def is_too_large(self) -> bool:
        """Whether the body is not whole for that reason."""
        return self._taken > _LONGEST_BODY

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Keep a piece of the body, or count it."""
        self._taken += len(data)
        if not self.is_too_large:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]
        elif self._taken > _GIVE_UP_AFTER and self.transport is not None:
            self.transport.abortConnection()


class Guard(Resource):
    """Lets a request in that has the right credentials, whatever it asks for."""

    isLeaf = True  # noqa: N815 - Twisted's name

    def __init__(self, credentials: Credentials, inner: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._credentials = credentials
        self._inner = inner

    def render(self, request: BoundedRequest) -> Any:
        """An error, or what is inside."""
        authorization = request.requestHeaders.getRawHeaders(b"authorization", [None])
        try:
            self._credentials.check(authorization[0])
        except Problem as problem:
            return replies.problem(request, problem)
        if request.is_too_large:
            why = Problem(413, "too-large", "The body is too large; nothing was done.")
            return replies.problem(request, why)
        return self._inner.render(request)


def mailbox_site(
    directory: Path, credentials: Credentials, limits: Limits, history: int, reactor: Any
) -> Any:
    """A Maildir as a web site.

    Args:
        directory: The Maildir.
        credentials: Who may have it.
        limits: Told to the clients, and kept.
        history: Events that are remembered for `/changes`.
        reactor: Its clock times the lock.
    """
    api = MailboxApi(
        credentials.account,
        MaildirStore(directory),
        History(secrets.token_hex(4), history),
        Lock(reactor.seconds),
        limits,
    )
    guard = Guard(credentials, api.app.resource())
    # Twisted's own have no types.
    limited: Any = Limited
    site: Any = Site
    return limited(site(guard, requestFactory=BoundedRequest, timeout=_IDLE_SECONDS))


class Limited(WrappingFactory):
    """No more connections at a time than a small machine bears."""

    def buildProtocol(self, addr: Any) -> Any:
        """None closes the connection at once."""
        return None if len(self.protocols) >= _CONNECTIONS else super().buildProtocol(addr)


def serve(factory: Any, host: str, port: int, reactor: Any) -> None:
    """Listen, say where on standard output, and serve until SIGTERM or Ctrl-C.

    Raises:
        CannotListenError
    """
    take_over_twisted()
    opened = reactor.listenTCP(port, factory, backlog=50, interface=host).getHost()
    shown = f"[{opened.host}]" if ":" in opened.host else opened.host
    print(f"mailbox-server ready: http://{shown}:{opened.port}", flush=True)  # noqa: T201
    reactor.run()
