"""OAUTHBEARER (RFC 7628) and XOAUTH2: clients that got an access token themselves.

XOAUTH2 is described at https://developers.google.com/workspace/gmail/imap/xoauth2-protocol.
A refused token is told by a challenge with JSON, which the client answers by an empty line
or one octet 0x01; the negative answer comes after it.
"""

import re

from pydantic import SecretBytes

from gateway.accounts.sasl import Credentials, SaslError, name
from gateway.maildrop import BearerToken

# RFC 6750 §2.1: credentials = "Bearer" 1*SP b64token; schemes in any letter case (RFC 7235).
_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")
_GS2 = re.compile(rb"[ny],(?:a=([^,]*))?,")
_ESCAPE = re.compile(rb"=(2C|3D)?")


class OAuthBearer:
    """RFC 7628 §3.1. The authorization identity is the name; channel binding is not offered."""

    first_challenge = b""

    def respond(self, response: bytes) -> Credentials:
        """The credentials, from one message."""
        head, _, rest = response.partition(b"\x01")
        header = _GS2.fullmatch(head)
        if header is None:
            raise SaslError("a header with the authorization identity expected")
        return Credentials(
            name(_ESCAPE.sub(_unescape, header[1] or b"")),
            _token(_pairs(rest)),
            refused=b'{"status":"invalid_token","schemes":"bearer"}',
        )


class XOAuth2:
    """What Google and Microsoft had before the RFC."""

    first_challenge = b""

    def respond(self, response: bytes) -> Credentials:
        """The credentials, from one message."""
        pairs = _pairs(response)
        return Credentials(
            name(pairs.get(b"user", b"")),
            _token(pairs),
            refused=b'{"status":"401","schemes":"bearer"}',
        )


def _pairs(text: bytes) -> dict[bytes, bytes]:
    """`key=value` with 0x01 behind each, and one more at the end."""
    if not text.endswith(b"\x01\x01"):
        raise SaslError("the end of the message is missing")
    parts = [part.partition(b"=") for part in text[:-2].split(b"\x01")]
    pairs = {key.lower(): value for key, _, value in parts}
    if len(pairs) < len(parts):
        raise SaslError("a key is given twice")
    return pairs


def _token(pairs: dict[bytes, bytes]) -> BearerToken:
    match = _BEARER.fullmatch(pairs.get(b"auth", b""))
    if match is None:
        raise SaslError("a bearer token expected")
    return BearerToken(SecretBytes(match[1]))


def _unescape(escape: re.Match[bytes]) -> bytes:
    """RFC 5801 §4: `=2C` is a comma and `=3D` an equals sign; no other may follow `=`."""
    if escape[1] is None:
        raise SaslError("a stray equals sign in the authorization identity")
    return b"," if escape[1] == b"2C" else b"="
