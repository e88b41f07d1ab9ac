"""The credentials of a request: the client's own (Basic), or a bearer token."""

import contextlib
import hmac
import re
import shlex
from base64 import b64encode
from collections.abc import Container
from pathlib import Path
from typing import Any, ClassVar, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol

from gateway.backend.http.settings import HttpSettings
from gateway.errors import BadCredentials, ConsentMissing, Failure, Misconfigured
from gateway.maildrop import Login, Tokens

# RFC 6750 §2.1: b64token.
_TOKEN = re.compile(rb"[A-Za-z0-9\-._~+/]+=*\Z")
_HEADER = "Authorization"
_REFUSALS = frozenset({401})
_LARGEST_TOKEN = 1 << 16
_LONGEST_PASSWORD = 4096


class Authorization(Protocol):
    """Gives requests their credentials. A value never appears in a text.

    Attributes:
        header: The name of the header that has the value.
        refusals: Statuses that say that the value is no good.
    """

    header: str
    refusals: Container[int]

    def check(self, login: Login) -> None:
        """What can be known without the upstream.

        Raises:
            BadCredentials, Misconfigured
        """

    async def value(self, login: Login) -> bytes:
        """The value of the header; empty if none is to be sent.

        Raises:
            BadCredentials, ConsentMissing, Unavailable: There is none.
        """

    async def refused(self, value: bytes) -> bool:
        """The upstream answered 401; whether another value is there to try."""

    def failure(self) -> Failure:
        """What a final 401 means."""


class Basic:
    """The client's name and password as they are (RFC 7617)."""

    header = _HEADER
    refusals: Container[int] = _REFUSALS

    def check(self, login: Login) -> None:
        """See `Authorization`."""
        if b":" in login.user:
            # It would be cut there, and another user's password asked for.
            raise BadCredentials("HTTP's Basic has no way to send a name with a colon")

    async def value(self, login: Login) -> bytes:
        """See `Authorization`."""
        pair = b"%b:%b" % (login.user, login.password.get_secret_value())
        return b"Basic " + b64encode(pair)

    async def refused(self, value: bytes) -> bool:  # noqa: ARG002
        """See `Authorization`."""
        return False

    def failure(self) -> Failure:
        """See `Authorization`."""
        return BadCredentials("the upstream refuses the name or the password (401)")


class Bearer:
    """A token, of the settings or of a login.

    Whoever knows the password of the settings gets theirs.

    Args:
        source: Gives the token.
        password_file: What clients must give as password; None for anything.
    """

    header = _HEADER
    refusals: Container[int] = _REFUSALS

    def __init__(self, source: Tokens, password_file: Path | None) -> None:
        self._source = source
        self._password_file = password_file

    def check(self, login: Login) -> None:
        """See `Authorization`."""
        if self._password_file is None:
            return
        expected = first_line(self._password_file)
        given = login.password.get_secret_value()
        if not hmac.compare_digest(expected, given):
            raise BadCredentials("the password is not that of client_password_file")

    async def value(self, login: Login) -> bytes:  # noqa: ARG002
        """See `Authorization`."""
        return b"Bearer " + await self._source.token()

    async def refused(self, value: bytes) -> bool:
        """See `Authorization`."""
        refused = value.removeprefix(b"Bearer ")
        return await self._source.renew(refused) != refused

    def failure(self) -> Failure:
        """See `Authorization`."""
        return ConsentMissing("the upstream refuses the bearer token (401): renew it")


class TokenFile:
    """A token in a file, read again when the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._token = b""

    async def token(self) -> bytes:
        """See `gateway.maildrop.Tokens`."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp:
                with self._path.open("rb") as file:
                    self._token = _clean(file.read(_LARGEST_TOKEN + 1), str(self._path))
                self._stamp = stamp
        except OSError as error:
            raise ConsentMissing(f"the token file {self._path}: {error.strerror}") from None
        return self._token

    async def renew(self, refused: bytes) -> bytes:  # noqa: ARG002
        """See `gateway.maildrop.Tokens`."""
        self._stamp = None
        return await self.token()


class TokenCommand:
    """A token that a program prints; kept until it is refused. One run serves all who wait.

    Args:
        command: The program and its arguments, in a shell's notation, run without one.
        timeout: Seconds that it may take.
        reactor: Runs it.

    Raises:
        Misconfigured: The notation is wrong.
    """

    def __init__(self, command: str, timeout: float, reactor: Any) -> None:
        try:
            self._arguments = shlex.split(command)
        except ValueError as error:
            raise Misconfigured(f"token_command cannot be read: {error}") from None
        if not self._arguments:
            raise Misconfigured("token_command is empty")
        self._timeout = timeout
        self._reactor = reactor
        self._token: bytes | None = None
        self._waiting: list[Deferred[bytes]] | None = None

    async def token(self) -> bytes:
        """See `gateway.maildrop.Tokens`."""
        if self._token is not None:
            return self._token
        if self._waiting is not None:
            joined: Deferred[bytes] = Deferred()
            self._waiting.append(joined)
            return await joined
        return await self._run()

    async def renew(self, refused: bytes) -> bytes:
        """See `gateway.maildrop.Tokens`."""
        if self._token == refused:
            self._token = None
        return await self.token()

    async def _run(self) -> bytes:
        self._waiting = []
        result: Any = ConsentMissing("token_command was given up")
        try:
            output = await _Run(self._arguments, self._timeout, self._reactor).output
            self._token = result = _clean(output, "token_command")
        except Failure as failure:
            result = type(failure)(failure.detail)
            raise
        finally:
            waiting, self._waiting = self._waiting, None
            for each in waiting:
                each.errback(result) if isinstance(result, Failure) else each.callback(result)
        token: bytes = result
        return token


class _Run(ProcessProtocol):
    """One run of the program. What it says on standard error is not for us to repeat."""

    _FAILED: ClassVar = "token_command failed: run it by hand as the gateway's user"

    def __init__(self, arguments: list[str], timeout: float, reactor: Any) -> None:
        self.output: Deferred[bytes] = Deferred()
        self._came = b""
        try:
            self._process = reactor.spawnProcess(self, arguments[0], arguments, env=None)
        except OSError:
            self._timer = None
            self.output.errback(ConsentMissing(self._FAILED))
            return
        self._timer = reactor.callLater(timeout, self._stop)
        self._process.closeStdin()

    def outReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Its standard output."""
        self._came += data
        if len(self._came) > _LARGEST_TOKEN:
            self._stop()

    def _stop(self) -> None:
        self._came = b""
        self._end(ConsentMissing("token_command took too long or printed too much"))
        with contextlib.suppress(ProcessExitedAlready):
            self._process.signalProcess("KILL")

    def processEnded(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """It is over."""
        if reason.check(ProcessDone):
            self._end(self._came)
        else:
            self._end(ConsentMissing(self._FAILED))

    def _end(self, result: bytes | Failure) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self.output.called:
            return
        if isinstance(result, Failure):
            self.output.errback(result)
        else:
            self.output.callback(result)


def of_login(login: Login, usual: Authorization) -> Authorization:
    """The login's own tokens if it has some; then a password is none of its proofs."""
    return usual if login.tokens is None else Bearer(login.tokens, None)


def authorization(settings: HttpSettings, reactor: Any) -> Authorization:
    """As the settings say.

    Raises:
        Misconfigured: They cannot be used.
    """
    password = settings.client_password_file
    if settings.token_file is not None:
        return Bearer(TokenFile(settings.token_file), password)
    if settings.token_command is not None:
        command = TokenCommand(settings.token_command, settings.token_timeout, reactor)
        return Bearer(command, password)
    return Basic()


def _clean(text: bytes, source: str) -> bytes:
    token = text.strip()
    if len(text) > _LARGEST_TOKEN or _TOKEN.match(token) is None:
        raise ConsentMissing(f"{source} holds no bearer token")
    return token


def first_line(path: Path) -> bytes:
    """The password in a file.

    Raises:
        Misconfigured: There is none.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(_LONGEST_PASSWORD).rstrip(b"\r\n")
    except OSError as error:
        raise Misconfigured(f"client_password_file {path}: {error.strerror}") from None
    if not line:
        raise Misconfigured(f"client_password_file {path}: the password is empty")
    return line
