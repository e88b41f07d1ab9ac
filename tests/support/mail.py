"""Messages that are hard to carry, and mailboxes full of ordinary ones.

All of it is deterministic, and in the form in which a Maildir stores it.
"""

import random
import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP

# Where readers of sockets and files cut: buffers of 4 KiB to 128 KiB.
CHUNK_EDGES = (4096, 8192, 16384, 65536, 131072)

HEAD = b"From: a@example.org\nTo: b@example.org\nSubject: %s\n\n"


def crlf_form(message: bytes) -> bytes:
    """What POP3 and IMAP promise to send: every bare LF as CRLF, and nothing else changed.

    A bare CR stays, and no line end is added to a last line that has none.
    """
    return re.sub(rb"(?<!\r)\n", b"\r\n", message)


def awkward() -> dict[str, bytes]:
    """One message for each way in which a message can go wrong, by name."""
    return {**_dots(), **_line_ends(), **_octets(), **_shapes(), **_edges()}


def _message(subject: str, body: bytes) -> bytes:
    return HEAD % subject.encode() + body


def _dots():
    return {
        "dots at line starts": _message("dots", b".\n..\n...\n.a\n..b\na.\n. c\n.\td\n.\n"),
        "lone dots": _message("lone dots", b"a\n.\nb\n.\n.\nc\n"),
        "lone dot with CRLF": crlf_form(_message("lone dots", b"a\n.\nb\n.\n.\nc\n")),
        "dot is the last line": _message("last dot", b"a\n."),
        "dot first of all": b".first: no header\nSubject: dot first\n\nbody\n",
        "dot first in body": _message("dot body", b".body\n"),
        "dot in folded header": b"Subject: folded\n\t.here\n .there\n\n.\n",
    }


def _line_ends():
    lines = b"one\ntwo\n\nthree\n\n\n"
    return {
        "bare LF": _message("bare LF", lines),
        "CRLF": crlf_form(_message("CRLF", lines)),
        "CRLF head, LF body": crlf_form(_message("mixed", b"")) + lines,
        "LF head, CRLF body": _message("mixed", crlf_form(lines)),
        "mixed line by line": _message("mixed", b"lf\ncrlf\r\nlf\n.\ncrlf\r\n.\r\n\n\r\nend\n"),
        "bare CR": _message("bare CR", b"a\rb\r\r\nc\n\rd\n.\r.\n\r.\n"),
        "CR LF swapped": _message("swapped", b"a\n\rb\n\r.\n\r"),
        "no final newline": _message("unfinished", b"last line"),
        "no final newline, CRLF": crlf_form(_message("unfinished", b"one\nlast line")),
        "final bare CR": _message("final CR", b"last line\r"),
        "final dot CR": _message("final CR", b"a\n.\r"),
        "only line ends in body": _message("blank", b"\n" * 40),
    }


def _octets():
    return {
        "NUL": _message("NUL", b"a\0b\n\0\n.\0\n\0\0\0"),
        "8-bit": _message("8-bit", bytes(range(128, 256)) + b"\n\xff\xfe.\n"),
        "every octet": _message("all", bytes(range(256)) * 3),
        "UTF-8": "Subject: Grüße 🐌\n\n.ünïcode\n日本語\n".encode(),
        "controls": _message("controls", b"\x1a\x04\x07\x08\x0b\x0c\x1b[2J\x7f\n\xff\xf4\n"),
    }


def _shapes():
    return {
        "empty": b"",
        "one newline": b"\n",
        "one CRLF": b"\r\n",
        "one dot": b".",
        "headers, no blank line": b"From: a@example.org\nSubject: headers only\n",
        "headers, no newline": b"Subject: cut off",
        "headers, blank line": _message("headers only", b""),
        "no headers": b"\nbody only\n",
        "one long line": _message("long", b"x" * 100_000 + b"\n"),
        "one long line unfinished": _message("long", b"." * 100_000),
        "long header": b"Subject: " + b"long " * 4000 + b"\n\nbody\n",
        "many headers": b"".join(b"X-%d: %d\n" % (n, n) for n in range(3000)) + b"\nbody\n",
        "mbox From line": _message("From", b"From nobody Thu Jan  1 00:00:00 1970\n>From x\n"),
        "looks like IMAP": _message("literal", b"{10}\n* 1 EXISTS\n)\nA1 OK done\n"),
    }


def _edges():
    """Dots, line ends and whole terminators around each chunk edge, shift by shift."""
    found = {}
    for shift in range(-2, 3):
        found[f"dot line at chunk edges {shift:+}"] = _around_edges(b"\r\n.dot", shift - 2)
        found[f"CR|LF split at chunk edges {shift:+}"] = _around_edges(b"\r\n", shift - 1)
    for shift in range(-5, 1):
        found[f"terminator at chunk edges {shift:+}"] = _around_edges(b"\r\n.\r\n", shift)
    return found


def _around_edges(token: bytes, shift: int) -> bytes:
    """A CRLF message in which ``token`` starts ``shift`` octets off each chunk edge."""
    message = bytearray(crlf_form(_message(f"edges {shift:+}", b"")))
    for edge in CHUNK_EDGES:
        message += _filler(edge + shift - len(message)) + token
    return bytes(message + b"end\r\n")


def _filler(length: int) -> bytes:
    line = b"%s\r\n" % (b"filler" * 11)
    whole, rest = divmod(length, len(line))
    return line * whole + b"x" * rest


def big(octets: int):
    """A message of exactly so many octets in CRLF form, in pieces of about 64 KiB.

    Lines have 76 octets, every tenth one starts with a dot; the last one may be cut.
    """
    head = crlf_form(_message(f"big {octets}", b""))
    yield head[:octets]
    left = octets - len(head)
    block = b"".join(
        (b"." if number % 10 == 0 else b"b") + b"%075d\r\n" % number for number in range(840)
    )
    while left > 0:
        yield block[:left]
        left -= len(block)


def realistic_mix(n: int, seed: int = 1) -> list[bytes]:
    """Mail as it comes, 500 octets to 200 KB: mostly short, some HTML, some attachments."""
    chance = random.Random(seed)
    return [_ordinary(number, chance) for number in range(n)]


def _ordinary(number, chance):
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Sender", f"s{chance.randrange(50)}", "example.org")
    mail["To"] = Address("Reader", "reader", "example.net")
    mail["Subject"] = f"Message {number}: {_words(chance, 5)}"
    mail["Date"] = f"{1 + number % 28:02} Nov 2023 12:{number % 60:02}:00 +0000"
    mail["Message-ID"] = f"<{number}.{chance.randrange(10**9)}@example.org>"
    mail.set_content(_text(chance, chance.choice([2, 5, 10, 30, 80])))
    if chance.random() < 0.4:
        mail.add_alternative(f"<p>{_text(chance, 20)}</p>", subtype="html")
        _name_boundary(mail, f"alternative-{number}")
    if chance.random() < 0.25:
        size = int(2000 * 70 ** chance.random())
        mail.add_attachment(
            chance.randbytes(size), maintype="application", subtype="pdf", filename="a.pdf"
        )
        _name_boundary(mail, f"mixed-{number}")
    return mail.as_bytes()


def _name_boundary(mail, name):
    # The email package would draw one from the global generator.
    mail.set_boundary(f"=-{name}")


def _text(chance, lines):
    return "".join(f"{_words(chance, 9)}\n" for _ in range(lines))


def _words(chance, count):
    letters = "abcdefghijklmnopqrstuvwxyzäöü.'"
    return " ".join(
        "".join(chance.choices(letters, k=chance.randint(1, 11))) for _ in range(count)
    )
