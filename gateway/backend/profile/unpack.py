"""From the answer that has a message to the message. Knows no I/O."""

import binascii
import string
from collections.abc import Callable, Sequence

from jsonpointer import JsonPointer

from gateway.backend.http.decode import AsIs, Decoder, LineFeeds, Undecodable
from gateway.backend.profile.field import Field
from gateway.backend.profile.schema import Raw

_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_STANDARD = (string.ascii_letters + string.digits + "+/=\r\n").encode()
_URL_SAFE = (string.ascii_letters + string.digits + "-_=\r\n").encode()


def decoder(raw: Raw) -> Callable[[], Decoder]:
    """What makes the decoder of one message."""
    steps: list[Callable[[], Decoder]] = []
    if raw.encoding != "octets":
        path = JsonPointer(raw.at or "").parts
        steps.append(lambda: Embedded(path, raw.encoding))
    if raw.newlines != "crlf":
        steps.append(LineFeeds)
    if len(steps) == 1:
        return steps[0]
    return (lambda: Chain([step() for step in steps])) if steps else AsIs


class Chain:
    """One decoder after the other."""

    same_length = False

    def __init__(self, decoders: Sequence[Decoder]) -> None:
        self._decoders = decoders

    def feed(self, chunk: bytes) -> bytes:
        """See `Decoder`."""
        for each in self._decoders:
            chunk = each.feed(chunk)
        return chunk

    def finish(self) -> bytes:
        """See `Decoder`."""
        rest = b""
        for each in self._decoders:
            rest = each.feed(rest) + each.finish()
        return rest


class Embedded:
    """The message is a string in a JSON answer."""

    same_length = False

    def __init__(self, path: Sequence[str], encoding: str) -> None:
        self._field = Field(path)
        self._base64 = None if encoding == "json-text" else Base64(encoding)

    def feed(self, chunk: bytes) -> bytes:
        """See `Decoder`."""
        text = self._field.feed(chunk)
        return text.encode() if self._base64 is None else self._base64.feed(text)

    def finish(self) -> bytes:
        """See `Decoder`."""
        self._field.finish()
        return b"" if self._base64 is None else self._base64.finish()


class Base64:
    """Base64 in either alphabet (RFC 4648), strictly: what is left out would not be missed.

    Line ends are allowed. Padding may be left out.
    """

    def __init__(self, encoding: str) -> None:
        url = encoding == "base64url"
        self._alphabet = _URL_SAFE if url else _STANDARD
        self._to_standard = _TO_STANDARD if url else None
        self._held = b""

    def feed(self, text: str) -> bytes:
        """The octets of all whole groups of four characters."""
        try:
            came = text.encode("ascii")
        except UnicodeEncodeError:
            raise _not_base64() from None
        if came.translate(None, self._alphabet):
            raise _not_base64()
        came = self._held + came.translate(self._to_standard, b"\r\n")
        # The last group waits: after padding there must be nothing.
        whole = max(0, (len(came) - 1) // 4 * 4)
        came, self._held = came[:whole], came[whole:]
        if came.find(b"=") >= 0:
            raise Undecodable("there is something after the end of the base64")
        return binascii.a2b_base64(came)

    def finish(self) -> bytes:
        """The octets of the last group."""
        held, self._held = self._held + b"=" * (-len(self._held) % 4), b""
        try:
            octets = binascii.a2b_base64(held, strict_mode=True)
        except ValueError:
            raise _breaks_off() from None
        # Bits that are left over say that there was more (RFC 4648 §3.5).
        if binascii.b2a_base64(octets, newline=False) != held:
            raise _breaks_off()
        return octets


def _not_base64() -> Undecodable:
    return Undecodable("the message is not in base64")


def _breaks_off() -> Undecodable:
    return Undecodable("the base64 breaks off")
