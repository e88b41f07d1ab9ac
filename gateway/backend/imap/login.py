"""Connects to an IMAP server and logs in."""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IAddress, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol

from gateway import __version__
from gateway.backend.imap import credentials, faults
from gateway.backend.imap.connection import Connection
from gateway.backend.imap.encoder import Text, Unencodable, Word
from gateway.backend.imap.reader import Limits
from gateway.backend.imap.responses import Status
from gateway.backend.imap.settings import ImapSettings, Upstream
from gateway.errors import BadCredentials, ConsentMissing, Failure, Misconfigured, Unavailable
from gateway.maildrop import Login, Tokens
from gateway.telemetry import Emitter, Event, Level
from gateway.tls import client_factory

# How long a server may take for SELECT before it counts as not having heard it; for how
# long that is remembered.
_PATIENCE = 5.0
_REMEMBERED = 600.0


class _Deaf(Exception):
    """The server lost what came before it had answered the login."""


@dataclass(frozen=True, slots=True)
class UpstreamDeaf(Event):
    """What was sent behind the password got no answer; from now on it is sent later."""

    level: ClassVar[Level] = "warning"
    seconds: float


class Connector:
    """Makes logged-in connections to one server.

    Args:
        upstream: Where it is.
        settings: Time-outs and limits.
        tls: How to speak TLS with it; None if `upstream.security` is none.
        reactor: For everything that waits.
    """

    def __init__(
        self,
        upstream: Upstream,
        settings: ImapSettings,
        tls: IOpenSSLClientConnectionCreator | None,
        reactor: Any,
    ) -> None:
        if (tls is None) != (upstream.security == "none"):
            raise ValueError("TLS options and the upstream's security contradict each other")
        self._upstream = upstream
        self._settings = settings
        self._tls: Any = tls
        self._reactor = reactor
        self._tells_capabilities = False
        self._deaf_until = float("-inf")
        self._capabilities: frozenset[bytes] | None = None
        self._limits = Limits(settings.max_line, settings.max_literal, settings.max_response)

    async def open(self, login: Login, emit: Emitter) -> Connection:
        """A connection on which `login` is logged in.

        Raises:
            BadCredentials, ConsentMissing, Unavailable, Misconfigured
        """
        if login.tokens is not None:
            return await self._open_by_token(login, login.tokens, emit)
        try:
            return await self._open(login, emit)
        except _Deaf:
            emit(UpstreamDeaf(_PATIENCE))
            self._deaf_until = self._reactor.seconds() + _REMEMBERED
            return await self._open(login, emit)

    async def _open_by_token(self, login: Login, tokens: Tokens, emit: Emitter) -> Connection:
        """With a token, and once more with another if the server refuses that.

        On a connection of its own: Exchange hangs up on some refusals. A token is asked for
        before there is a connection, so that whoever issues them keeps none waiting.
        """
        token = await tokens.token()
        try:
            return await self._open(login, emit, token)
        except BadCredentials as refused:
            detail = refused.detail
        another = await tokens.renew(token)
        if another == token:
            raise ConsentMissing(detail)
        try:
            return await self._open(login, emit, another)
        except BadCredentials as refused:
            raise ConsentMissing(refused.detail) from None

    async def _open(
        self, login: Login, emit: Emitter, token: bytes | None = None
    ) -> Connection:
        connection = await self._connect(emit)
        try:
            await self._prepare(connection)
            await self._introduce(connection, login)
            await self._authenticate(connection, login, token)
        except BaseException as error:
            connection.expect_end()
            connection.fail(Unavailable("the login failed"))
            if isinstance(error, Unencodable):
                raise BadCredentials("NUL in the name or the password") from None
            raise
        return connection

    async def _connect(self, emit: Emitter) -> Connection:
        settings = self._settings
        connection = Connection(self._reactor, emit, self._limits, settings.command_timeout)
        factory: Any = _Once(connection)
        if self._upstream.security == "tls":
            factory = client_factory(self._tls, factory)
        try:
            await self._endpoint().connect(factory)
        except Exception as error:  # noqa: BLE001 -- resolvers and endpoints raise what they like
            raise faults.not_connected(error) from None
        return connection

    def _endpoint(self) -> Any:
        """How to connect; an address goes without the resolver, which takes a thread."""
        host, port = self._upstream.host, self._upstream.port
        kinds = {4: TCP4ClientEndpoint, 6: TCP6ClientEndpoint}
        make: Any = kinds.get(_ip_version(host), HostnameEndpoint)
        return make(self._reactor, host, port, timeout=self._settings.connect_timeout)

    async def _prepare(self, connection: Connection) -> None:
        """From the greeting to the point where a password may be sent."""
        greeting = await connection.greeting
        _check_greeting(greeting, connection)
        if self._upstream.security == "starttls":
            await self._start_tls(connection)
        if connection.capabilities is None:
            await _ask_capabilities(connection)

    async def _start_tls(self, connection: Connection) -> None:
        # Asked for even if not advertised: whoever hides the word could not hide the refusal.
        status = await connection.command(b"STARTTLS")
        if not status.ok:
            raise Misconfigured(
                "the upstream refuses STARTTLS: use its TLS port "
                f"({connection.shown(status.shown)})"
            )
        connection.start_tls(self._tls)

    async def _introduce(self, connection: Connection, login: Login) -> None:
        """Who we are and for whom (RFC 2971). The answer does not matter."""
        if not self._settings.send_id or b"ID" not in (connection.capabilities or ()):
            return
        fields = {"name": "pop3-gateway", "version": __version__}
        if login.peer:
            fields["x-originating-ip"] = login.peer
        words = [Text(part.encode()) for pair in fields.items() for part in pair]
        await connection.command(b"ID", *_parenthesised(words))

    async def _authenticate(
        self, connection: Connection, login: Login, token: bytes | None
    ) -> None:
        """Send the password or token once, the best way offered, and what will follow.

        SELECT goes out behind LOGIN without waiting for its answer (RFC 3501 §5.5): if
        the login is refused, so is that. So does the question for the capabilities after
        login, unless this server is known to tell them unasked. Nothing goes out behind
        AUTHENTICATE: Cyrus loses what comes in the same packet.
        """
        ahead = self._settings.pipeline_login and self._reactor.seconds() > self._deaf_until
        words = self._begin(connection, login, token, by_login=ahead)
        selected: Deferred[None] | None = None
        try:
            answer = connection.command(*words)
            connection.capabilities = None  # others after login (RFC 3501 §6.2.2)
            if ahead and words[0] == b"LOGIN":
                selected = self._send_ahead(connection)
            status = await answer
            if not status.ok:
                raise _refused(connection, status, token)
        finally:
            connection.secrets = ()
        self._tells_capabilities = connection.capabilities is not None
        if selected is not None:
            await self._heard(selected)
        if connection.capabilities is None:
            # What SELECT told is not how things are any more when this is answered.
            connection.forget_ahead()
            await _ask_capabilities(connection)
        self._share_capabilities(connection)

    def _begin(
        self, connection: Connection, login: Login, token: bytes | None, *, by_login: bool
    ) -> list[Word]:
        """The command that logs in; what of it is secret is noted."""
        offered = connection.capabilities or frozenset()
        if token is None:
            begun = credentials.by_password(offered, login, by_login=by_login)
        else:
            host, port = self._upstream.host, self._upstream.port
            begun = credentials.by_token(offered, login.user, token, host, port)
        connection.secrets = begun.secrets
        return begun.words

    def _share_capabilities(self, connection: Connection) -> None:
        """All sessions hold one set: as a rule it is the same one, and it takes 4 KB."""
        if connection.capabilities == self._capabilities:
            connection.capabilities = self._capabilities
        self._capabilities = connection.capabilities

    def _send_ahead(self, connection: Connection) -> "Deferred[None]":
        if not self._tells_capabilities:
            connection.send_ahead(b"CAPABILITY")
        return connection.send_ahead(b"SELECT", b"INBOX")

    async def _heard(self, selected: "Deferred[None]") -> None:
        """Wait for the answer to what was sent behind the password.

        Raises:
            _Deaf: It does not come. A proxy that has connected to the server behind it only
                now may have thrown it away.
        """
        if selected.called:
            return
        heard: Deferred[bool] = Deferred()
        too_late = self._reactor.callLater(_PATIENCE, heard.callback, False)

        def answered(_: None) -> None:
            if too_late.active():
                too_late.cancel()
                heard.callback(True)

        selected.addCallback(answered)
        if not await heard:
            raise _Deaf


class _Once(Factory):
    """Gives the one connection that there will be."""

    noisy = False

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> Protocol:  # noqa: ARG002 - Twisted's
        return self._connection


def _ip_version(host: str) -> int:
    """4 or 6, or 0 for a name."""
    try:
        return ip_address(host).version
    except ValueError:
        return 0


def _parenthesised(words: list[Text]) -> list[Word]:
    """A list of strings; none of ours needs a literal."""
    quoted = b" ".join(b'"%b"' % word.octets for word in words)
    return [b"(" + quoted + b")"]


def _check_greeting(greeting: Status, connection: Connection) -> None:
    if greeting.kind == "OK":
        return
    shown = connection.shown(greeting.shown)
    if greeting.kind == "PREAUTH":
        # It would give the same mailbox to everybody, whatever the password.
        raise Misconfigured(f"the upstream asks for no password (PREAUTH): {shown}")
    raise Unavailable(f"the upstream does not want us: {shown}")


def _refused(connection: Connection, status: Status, token: bytes | None) -> Failure:
    failure, said = credentials.refusal(status), connection.shown(status.shown)
    if token is None:
        return failure(f"the upstream refuses the login: {said}")
    told = connection.shown(credentials.told(connection.challenge))
    return failure(f"the upstream refuses the token: {said}" + (told and f" ({told})"))


async def _ask_capabilities(connection: Connection) -> None:
    """Learn the capabilities unless they were told."""
    if connection.capabilities is None:
        status = await connection.ask(b"CAPABILITY")
        if connection.capabilities is None:
            shown = connection.shown(status.shown)
            raise Unavailable(f"the upstream does not say what it can do: {shown}")
