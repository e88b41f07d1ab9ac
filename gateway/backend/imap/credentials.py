"""What logs in: the command with a password or a token, and what a refusal means. No I/O."""

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field

from gateway.backend.imap.encoder import Answer, Text, Unencodable, Word
from gateway.backend.imap.responses import Status
from gateway.errors import BadCredentials, ConsentMissing, Failure, Misconfigured, Unavailable
from gateway.maildrop import Login

_SHORT = 512
_LONGEST_CHALLENGE = 4096
# RFC 6749 §A.12: an access token is of these octets.
_TOKEN = re.compile(rb"[\x20-\x7e]+\Z")
# What NO means at login, by its code (RFC 5530 §3). Others: it may pass.
_REFUSED: dict[bytes, type[Failure]] = {
    b"": BadCredentials,
    b"ALERT": BadCredentials,  # Gmail explains a refused password so
    b"AUTHENTICATIONFAILED": BadCredentials,
    b"AUTHORIZATIONFAILED": BadCredentials,
    b"CAPABILITY": BadCredentials,  # says nothing of the reason
    b"EXPIRED": BadCredentials,
    b"PRIVACYREQUIRED": Misconfigured,
}


@dataclass(frozen=True, slots=True)
class Introduction:
    """A login on its way.

    Attributes:
        words: The command.
        secrets: What of it must not be shown, also if the server sends it back.
    """

    words: list[Word] = field(repr=False)
    secrets: tuple[bytes, ...] = field(repr=False)


def refusal(status: Status) -> type[Failure]:
    """Which failure it is that a login did not end well."""
    return _REFUSED.get(status.code, Unavailable) if status.kind == "NO" else Unavailable


def by_password(offered: frozenset[bytes], login: Login, *, by_login: bool) -> Introduction:
    """The login by a password.

    Args:
        offered: What the server can do.
        login: Who logs in.
        by_login: Whether LOGIN is wanted if it will do: not for what is not ASCII, of which
            RFC 3501 does not say what it would mean, nor for a token of thousands of
            octets, at which Dovecot hangs up, nor where it is not allowed.

    Raises:
        Unencodable: There is a NUL in it.
        Misconfigured: The server takes no password here.
    """
    password = login.password.get_secret_value()
    both = login.user + password
    if b"\0" in both:
        raise Unencodable("NUL in the name or the password")
    plain = both.isascii() and len(both) <= _SHORT
    by_login = by_login and plain and b"LOGINDISABLED" not in offered
    if b"AUTH=PLAIN" in offered and not by_login:
        response = b64encode(b"\0%b\0%b" % (login.user, password))  # RFC 4616
        words = [b"AUTHENTICATE", b"PLAIN", _initial(response, offered)]
        return Introduction(words, _visible(password, response))
    if b"LOGINDISABLED" in offered:
        raise Misconfigured(
            "the upstream takes neither LOGIN (LOGINDISABLED) nor AUTHENTICATE PLAIN here: "
            "use imaps:// or STARTTLS, or let it offer PLAIN"
        )
    return Introduction([b"LOGIN", Text(login.user), Text(password)], _visible(password))


def by_token(
    offered: frozenset[bytes], user: bytes, token: bytes, host: str, port: int
) -> Introduction:
    """The login by an access token.

    OAUTHBEARER (RFC 7628) is the standard, and Gmail and Dovecot offer both; Exchange has
    only XOAUTH2 (developers.google.com/gmail/imap/xoauth2-protocol), which preceded it. Of
    a refused token both tell in a challenge, and say NO after an answer without meaning.

    Raises:
        Misconfigured: The server takes no tokens, or the name cannot be sent to it.
        ConsentMissing: What should be a token is none.
    """
    if b"\0" in user or b"\1" in user:
        raise Misconfigured("a mailbox' name with a control character cannot be sent")
    if _TOKEN.match(token) is None:
        raise ConsentMissing("the access token has octets that no token has")
    if b"AUTH=OAUTHBEARER" in offered:
        name, sent, after = b"OAUTHBEARER", _oauthbearer(user, token, host, port), b"AQ=="
    elif b"AUTH=XOAUTH2" in offered:
        name, sent, after = b"XOAUTH2", b"user=%b\1auth=Bearer %b\1\1" % (user, token), b""
    else:
        raise Misconfigured(
            "the upstream takes no access tokens: it offers neither OAUTHBEARER nor XOAUTH2"
        )
    response = b64encode(sent)
    words = [b"AUTHENTICATE", name, _initial(response, offered), Answer(after)]
    return Introduction(words, (response, token))


def told(challenge: bytes) -> bytes:
    """What the server says of a refused token, in short; empty if it says nothing.

    Args:
        challenge: Base64 of JSON: `status` is an HTTP status with XOAUTH2, an error of RFC
            6750 §3.1 with OAUTHBEARER (RFC 7628 §3.2.2).
    """
    if len(challenge) > _LONGEST_CHALLENGE:
        return b""
    try:
        said = json.loads(b64decode(challenge))
    except (ValueError, RecursionError):
        return b""
    if not isinstance(said, dict):
        return b""
    parts = [f"{name}={said[name]}" for name in ("status", "scope") if name in said]
    return " ".join(parts).encode()


def _oauthbearer(user: bytes, token: bytes, host: str, port: int) -> bytes:
    """RFC 7628 §3.1; in the name `=` and `,` have a form of their own (RFC 5801 §4)."""
    name = user.replace(b"=", b"=3D").replace(b",", b"=2C")
    where = b"host=%b\1port=%d" % (host.encode(), port)
    return b"n,a=%b,\1%b\1auth=Bearer %b\1\1" % (name, where, token)


def _initial(response: bytes, offered: frozenset[bytes]) -> Word:
    """In the command itself where the server takes it there (RFC 4959)."""
    return response if b"SASL-IR" in offered else Answer(response)


def _visible(*secrets: bytes) -> tuple[bytes, ...]:
    return tuple(secret for secret in secrets if secret)
