"""Every reply that a client can read, and the one table from failure to reply.

Codes: RFC 2449 §8 (IN-USE, LOGIN-DELAY), RFC 3206 (AUTH, SYS/TEMP, SYS/PERM). Texts are
fixed: what the upstream said goes to the log, where it helps, and never to the client,
where it could tell a guesser something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from gateway import errors

CRLF = b"\r\n"
TERMINATOR = b".\r\n"


class Then(Enum):
    """What follows a failure's reply."""

    STAY = "the session goes on"
    CLOSE = "release the maildrop, close"
    ABORT = "release the maildrop, reset the connection; nothing is written"


@dataclass(frozen=True, slots=True)
class Row:
    """One failure's reply and what follows it."""

    reply: bytes
    then: Then


class Refused(Exception):
    """A command that cannot be carried out as given; counts as a bad command."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


def ok(text: str) -> bytes:
    """A positive status line."""
    return b"+OK " + text.encode() + CRLF


def err(text: str, code: str | None = None) -> bytes:
    """A negative status line, with a response code if there is one for it."""
    shown = f"[{code}] {text}" if code else text
    return b"-ERR " + shown.encode() + CRLF


FAILURES: Mapping[type[errors.Failure], Row] = MappingProxyType(
    {
        errors.BadCredentials: Row(err("Wrong name or password", "AUTH"), Then.STAY),
        errors.ConsentMissing: Row(
            err("The mailbox owner must sign in again at the provider", "SYS/TEMP"), Then.STAY
        ),
        errors.Throttled: Row(
            err("Too soon after the last login, try again later", "LOGIN-DELAY"), Then.STAY
        ),
        errors.MaildropBusy: Row(
            err("Another session has this maildrop open", "IN-USE"), Then.STAY
        ),
        errors.Unavailable: Row(
            err("The mail server behind cannot serve this now", "SYS/TEMP"), Then.STAY
        ),
        errors.Misconfigured: Row(
            err("The gateway's administrator must mend its configuration", "SYS/PERM"),
            Then.STAY,
        ),
        errors.MessageGone: Row(err("This message was removed by another program"), Then.STAY),
        errors.EpochChanged: Row(
            err("The mailbox was replaced, nothing was removed", "SYS/TEMP"), Then.CLOSE
        ),
        errors.BodyBroken: Row(b"", Then.ABORT),
        errors.PartialCommit: Row(
            err("Some messages could not be removed", "SYS/TEMP"), Then.CLOSE
        ),
        errors.BadCommand: Row(err("Unknown command or wrong arguments"), Then.STAY),
    }
)

PARTIAL_COMMIT = FAILURES[errors.PartialCommit].reply
UNKNOWN_OUTCOME = err("Some messages may not have been removed", "SYS/TEMP")

GREETING = ok("POP3 ready")
CAPABILITIES = ok("Capabilities follow")
SEND_PASSWORD = ok("Send the password")
BEGIN_TLS = ok("Begin TLS")
DONE = ok("Done")
GOODBYE = ok("Goodbye")

WRONG_STATE_BEFORE_LOGIN = err("Log in first")
WRONG_STATE_AFTER_LOGIN = err("Already logged in")
USER_FIRST = err("Send USER first")
NO_TLS = err("TLS is not available here")
TLS_ALREADY = err("TLS is already active")
UNKNOWN_MECHANISM = err("This authentication mechanism is not offered")
NO_CLEAR_PASSWORD = err(
    "A password in clear is refused here: use STLS, or the port with TLS", "AUTH"
)
NO_CLEAR_PASSWORD_NOR_TLS = err(
    "A password in clear is refused here, and there is no TLS: the administrator must "
    "set a certificate, or fence this port",
    "AUTH",
)
CLEAR_REFUSALS = frozenset({NO_CLEAR_PASSWORD, NO_CLEAR_PASSWORD_NOR_TLS})
BAD_RESPONSE = err("The authentication exchange failed")
CANCELLED = err("Authentication cancelled")
LINE_TOO_LONG = err("Line too long")
TOO_MANY_BAD_COMMANDS = err("Too many bad commands, goodbye")
TOO_MANY_COMMANDS = err("Too many commands without a login, goodbye")
TOO_MANY_FAILED_LOGINS = err("Too many refused logins, goodbye", "AUTH")
TOO_MANY_CONNECTIONS = err("Too many connections, try again later", "SYS/TEMP")
NO_SUCH_MESSAGE = err("No such message")
MARKED = err("This message is marked as deleted")


def greeting(timestamp: bytes) -> bytes:
    """The first line; with a timestamp it offers APOP (RFC 1939 §7)."""
    return b"+OK POP3 ready %b\r\n" % timestamp if timestamp else GREETING


def challenge(encoded: bytes) -> bytes:
    """A SASL challenge; the blank stays when it is empty (RFC 5034 §4)."""
    return b"+ " + encoded + CRLF


def logged_in(messages: int, octets: int) -> bytes:
    """The answer to a successful login."""
    return ok(f"Maildrop has {_messages(messages)} ({octets} octets)")


def stat(messages: int, octets: int) -> bytes:
    """The drop listing of RFC 1939 §5; nothing may follow the two numbers."""
    return b"+OK %d %d\r\n" % (messages, octets)


def listing(messages: int, octets: int) -> bytes:
    """The first line of LIST."""
    return ok(f"{_messages(messages)} ({octets} octets)")


def scan(number: int, octets: int) -> bytes:
    """The answer to LIST with an argument."""
    return b"+OK %d %d\r\n" % (number, octets)


def unique_id(number: int, identifier: bytes) -> bytes:
    """The answer to UIDL with an argument."""
    return b"+OK %d %b\r\n" % (number, identifier)


def body(octets: int | None) -> bytes:
    """The line before a message."""
    return DONE if octets is None else b"+OK %d octets\r\n" % octets


def marked(number: int) -> bytes:
    """The answer to DELE."""
    return b"+OK Message %d marked as deleted\r\n" % number


def reset(messages: int, octets: int) -> bytes:
    """The answer to RSET."""
    return ok(f"Maildrop has {_messages(messages)} ({octets} octets)")


def removed(messages: int) -> bytes:
    """The answer to QUIT once every marked message is gone."""
    return ok(f"{_messages(messages)} removed, goodbye")


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"
