"""AUTHORIZATION (RFC 1939 §4): CAPA, STLS, USER, PASS, APOP, AUTH, QUIT, and nothing else."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from pydantic import SecretBytes

from gateway.accounts import sasl
from gateway.accounts.sasl_table import IN_CLEAR, MECHANISMS
from gateway.errors import BadCommand
from gateway.maildrop import Digest, ScramVerifier
from gateway.pop3 import capa, commands, replies
from gateway.pop3.events import AskVerifier, Close, Effects, Open, Send, StartTls
from gateway.pop3.offer import Means, Offer
from gateway.pop3.replies import Refused
from gateway.pop3.settings import Pop3Settings


class Authorization:
    """Knows the name given by USER and the SASL exchange under way, if any.

    Attributes:
        offer: What works on this connection now.
        accepted: What comes as a challenge before a positive answer to the last `Open`.
        refused: The same before a negative one.
    """

    __slots__ = (
        "_means",
        "_mechanism",
        "_secure",
        "_settings",
        "_tls_available",
        "_told",
        "_user",
        "accepted",
        "offer",
        "refused",
    )

    def __init__(
        self, settings: Pop3Settings, means: Means, *, secure: bool, tls_available: bool
    ) -> None:
        self._settings = settings
        self._means = means
        self._secure = secure
        self._tls_available = tls_available
        self._user: bytes | None = None
        self._mechanism: sasl.Mechanism | None = None
        self._told: Callable[[ScramVerifier], bytes] | None = None
        self.offer: Offer = means.offer.now(secure=secure)
        self.accepted: bytes | None = None
        self.refused: bytes | None = None

    @property
    def in_exchange(self) -> bool:
        """Whether the next line is a SASL response and not a command."""
        return self._mechanism is not None

    def handle(self, command: commands.Command) -> Effects:
        """Carry out one command.

        Raises:
            Refused: It does not belong here.
            BadCommand: It is not on offer.
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

    def verifier(self, verifier: ScramVerifier) -> Effects:
        """Go on with what `AskVerifier` asked for.

        Raises:
            Refused: It does not do.
        """
        mechanism, told = self.cancel_exchange(), self._told
        if mechanism is None or told is None:
            raise AssertionError("nobody has asked for a verifier")
        try:
            return self._challenge(mechanism, told(verifier))
        except sasl.SaslError as error:
            raise Refused(replies.BAD_RESPONSE) from error

    def _capa(self, _: commands.Capa) -> Effects:
        stls = self._tls_available and not self._secure
        return [Send(capa.reply(self._settings, self.offer, stls=stls))]

    def _stls(self, _: commands.Stls) -> Effects:
        if self._secure:
            raise Refused(replies.TLS_ALREADY)
        if not self._tls_available:
            raise Refused(replies.NO_TLS)
        return [Send(replies.BEGIN_TLS), StartTls()]

    def _name(self, command: commands.User) -> Effects:
        self._need_protection()
        self._user = command.name
        return [Send(replies.SEND_PASSWORD)]

    def _pass(self, command: commands.Pass) -> Effects:
        self._need_protection()
        user, self._user = self._user, None
        if user is None:
            raise Refused(replies.USER_FIRST)
        return self._open(sasl.Credentials(user, command.password))

    def _apop(self, command: commands.Apop) -> Effects:
        if not self._means.timestamp:
            raise BadCommand("APOP is not on offer")
        digest = Digest("apop", self._means.timestamp, command.digest)
        return self._open(sasl.Credentials(command.name, digest))

    def _auth(self, command: commands.Auth) -> Effects:
        if command.mechanism is None:
            names = [name + replies.CRLF for name in self.offer.mechanisms]
            return [Send(replies.CAPABILITIES + b"".join(names) + replies.TERMINATOR)]
        mechanism = self._start(command.mechanism)
        if command.initial is None:
            return self._challenge(mechanism, mechanism.first_challenge)
        return self._exchange(mechanism, _initial(command.initial))

    def _start(self, name: bytes) -> sasl.Mechanism:
        if name not in self._means.offer.mechanisms:
            raise Refused(replies.UNKNOWN_MECHANISM)
        if name in IN_CLEAR:
            self._need_protection()
        return MECHANISMS[name](self._means.fresh)

    def _need_protection(self) -> None:
        """A password in clear, and a name that it would follow, needs TLS or a safe way."""
        if not self.offer.clear:
            tls = self._tls_available
            raise Refused(
                replies.NO_CLEAR_PASSWORD if tls else replies.NO_CLEAR_PASSWORD_NOR_TLS
            )

    def _exchange(self, mechanism: sasl.Mechanism, line: bytes) -> Effects:
        try:
            step = mechanism.respond(sasl.decode(line))
        except sasl.SaslError as error:
            raise Refused(replies.BAD_RESPONSE) from error
        if isinstance(step, bytes):
            return self._challenge(mechanism, step)
        if isinstance(step, sasl.VerifierWanted):
            self._mechanism, self._told = mechanism, step.told
            return [AskVerifier(step.user)]
        return self._open(step)

    def _open(self, credentials: sasl.Credentials) -> Effects:
        self.accepted, self.refused = credentials.accepted, credentials.refused
        return [Open(credentials.user, credentials.proof)]

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
        commands.Apop: _apop,
        commands.Auth: _auth,
        commands.Quit: _quit,
    }


def _initial(response: SecretBytes) -> bytes:
    """RFC 5034 §4: "=" is an initial response of no octets."""
    octets = response.get_secret_value()
    return b"" if octets == b"=" else octets
