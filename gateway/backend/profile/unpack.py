"""From the answer that has a message to the message. Knows no I/O."""

import binascii
import re
from collections.abc import Callable, Sequence

from jsonpointer import JsonPointer

from gateway.backend.http.decode import AsIs, Decoder, LineFeeds, Undecodable
from gateway.backend.profile.field import Field
from gateway.backend.profile.schema import Raw

_URL_SAFE = str.maketrans("-_", "+/")
_STANDARD = re.compile(r"[A-Za-z0-9+/]*=*")
_URL_ALPHABET = re.compile(r"[A-Za-z0-9\-_]*=*")
_LINE_ENDS = str.maketrans("", "", "\r\n")


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
        self._alphabet = _URL_ALPHABET if encoding == "base64url" else _STANDARD
        self._held = ""

    def feed(self, text: str) -> bytes:
        """The octets of all whole groups of four characters."""
        text = self._held + text.translate(_LINE_ENDS)
        # The last group waits: after padding there must be nothing.
        whole = max(0, (len(text) - 1) // 4 * 4)
        self._held = text[whole:]
        if "=" in text[:whole]:
            raise Undecodable("there is something after the end of the base64")
        return self._decoded(text[:whole])

    def finish(self) -> bytes:
        """The octets of the last group."""
        held, self._held = self._held + "=" * (-len(self._held) % 4), ""
        octets = self._decoded(held)
        # Bits that are left over say that there was more (RFC 4648 §3.5).
        if binascii.b2a_base64(octets, newline=False).decode() != held.translate(_URL_SAFE):
            raise Undecodable("the base64 breaks off")
        return octets

    def _decoded(self, text: str) -> bytes:
        if self._alphabet.fullmatch(text) is None:
            raise Undecodable("the message is not in base64")
        try:
            return binascii.a2b_base64(text.translate(_URL_SAFE), strict_mode=True)
        except ValueError:
            raise Undecodable("the base64 breaks off") from None
