"""AUTHORIZATION (RFC 1939 §4): CAPA, STLS, USER, PASS, AUTH, QUIT, and nothing else."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from gateway.accounts import sasl
from gateway.pop3 import capa, commands, replies
from gateway.pop3.events import Close, Effects, Open, Send, StartTls
from gateway.pop3.replies import Refused
from gateway.pop3.settings import Pop3Settings


class Authorization:
    """Knows the name given by USER and the SASL exchange under way, if any."""

    __slots__ = ("_mechanism", "_secure", "_settings", "_tls_available", "_user")

    def __init__(self, settings: Pop3Settings, *, secure: bool, tls_available: bool) -> None:
        self._settings = settings
        self._secure = secure
        self._tls_available = tls_available
        self._user: bytes | None = None
        self._mechanism: sasl.Mechanism | None = None

    @property
    def in_exchange(self) -> bool:
        """Whether the next line is a SASL response and not a command."""
        return self._mechanism is not None

    def handle(self, command: commands.Command) -> Effects:
        """Carry out one command.

        Raises:
            Refused: It does not belong here.
        """
        handler = self._HANDLERS.get(type(command))
        if handler is None:
            raise Refused(replies.WRONG_STATE_BEFORE_LOGIN)
        return handler(self, command)

    def cancel_exchange(self) -> sasl.Mechanism | None:
        """End the SASL exchange, if there is one; return its mechanism."""
        mechanism, self._mechanism = self._mechanism, None
        return mechanism

    def respond(self, line: bytes) -> Effects:
        """Take a line of the SASL exchange (RFC 5034 §4).

        Raises:
            Refused: The line does not belong to the mechanism.
        """
        mechanism = self.cancel_exchange()
        if mechanism is None or line == b"*":
            return [Send(replies.CANCELLED)]
        return self._exchange(mechanism, line)

    def _capa(self, _: commands.Capa) -> Effects:
        stls = self._tls_available and not self._secure
        return [Send(capa.reply(self._settings, list(sasl.MECHANISMS), stls=stls))]

    def _stls(self, _: commands.Stls) -> Effects:
        if self._secure:
            raise Refused(replies.TLS_ALREADY)
        if not self._tls_available:
            raise Refused(replies.NO_TLS)
        return [Send(replies.BEGIN_TLS), StartTls()]

    def _name(self, command: commands.User) -> Effects:
        self._user = command.name
        return [Send(replies.SEND_PASSWORD)]

    def _pass(self, command: commands.Pass) -> Effects:
        user, self._user = self._user, None
        if user is None:
            raise Refused(replies.USER_FIRST)
        return [Open(user, command.password)]

    def _auth(self, command: commands.Auth) -> Effects:
        if command.mechanism is None:
            names = [name + replies.CRLF for name in sasl.MECHANISMS]
            return [Send(replies.CAPABILITIES + b"".join(names) + replies.TERMINATOR)]
        make = sasl.MECHANISMS.get(command.mechanism)
        if make is None:
            raise Refused(replies.UNKNOWN_MECHANISM)
        mechanism = make()
        if command.initial is None:
            return self._challenge(mechanism, mechanism.first_challenge)
        initial = command.initial.get_secret_value()
        # RFC 5034 §4: "=" is an initial response of no octets.
        return self._exchange(mechanism, b"" if initial == b"=" else initial)

    def _exchange(self, mechanism: sasl.Mechanism, line: bytes) -> Effects:
        try:
            answer = mechanism.respond(sasl.decode(line))
        except sasl.SaslError as error:
            raise Refused(replies.BAD_RESPONSE) from error
        if isinstance(answer, bytes):
            return self._challenge(mechanism, answer)
        return [Open(answer.user, answer.password)]

    def _challenge(self, mechanism: sasl.Mechanism, challenge: bytes) -> Effects:
        self._mechanism = mechanism
        return [Send(replies.challenge(sasl.encode(challenge)))]

    def _quit(self, _: commands.Quit) -> Effects:
        return [Send(replies.GOODBYE), Close()]

    _HANDLERS: ClassVar[Mapping[type, Callable[..., Effects]]] = {
        commands.Capa: _capa,
        commands.Stls: _stls,
        commands.User: _name,
        commands.Pass: _pass,
        commands.Auth: _auth,
        commands.Quit: _quit,
    }
