"""The messages of the benchmark, as a Maildir keeps them: lines that end in LF."""

import hashlib
from dataclasses import dataclass

from tests.support.mail import realistic_mix

_HEAD = b"From: a@example.org\nTo: b@example.net\nSubject: %s\nMessage-ID: <%s@example.org>\n\n"


@dataclass(frozen=True)
class Message:
    """One stored message and what a POP3 server must make of it.

    Attributes:
        stored: The octets in the Maildir.
        octets: Its size in CRLF form, which STAT and LIST tell.
        wire: What RETR sends after its first line, the terminator included.
        digest: SHA-256 of that.
    """

    stored: bytes
    octets: int
    wire: int
    digest: bytes


def message(stored: bytes) -> Message:
    """Work out the other forms, past all servers; lines end in LF, the last one too."""
    crlf = stored.replace(b"\n", b"\r\n")
    wire = (b"\n" + crlf).replace(b"\n.", b"\n..")[1:] + b".\r\n"
    return Message(stored, len(crlf), len(wire), hashlib.sha256(wire).digest())


def filled(octets: int, subject: str) -> bytes:
    """A message of about so many octets in lines of 76, every tenth starting with a dot."""
    head = _HEAD % (subject.encode(), subject.encode())
    ten = b"".join((b"." if n == 0 else b"b") + b"%075d\n" % n for n in range(10))
    lines = max(1, (octets - len(head) - head.count(b"\n")) // 78)
    return head + ten * (lines // 10) + ten[: 77 * (lines % 10)]


def alike(count: int, octets: int) -> list[Message]:
    """Messages of one size."""
    return [message(filled(octets, f"{octets}.{number}")) for number in range(count)]


def mixed(count: int) -> list[Message]:
    """Mail as it comes, 500 octets to 200 KB."""
    return [message(mail.replace(b"\r\n", b"\n")) for mail in realistic_mix(count)]


def tiny(count: int) -> list[Message]:
    """So many messages that only their number matters; few are different."""
    few = [message(filled(400 + 78 * number, f"tiny {number}")) for number in range(8)]
    return [few[number % len(few)] for number in range(count)]
