"""The sets of messages that `@maildrop` names. All are in CRLF form."""

from tests.support.mail import big, crlf_form

HEAD = b"From: a@example.org\r\nSubject: %b\r\n\r\n"


def _plain(count):
    return [HEAD % b"%d" % n + b"Message %d.\r\n" % n for n in range(1, count + 1)]


def _lines(count):
    return HEAD % b"lines" + b"".join(b"line %d\r\n" % n for n in range(1, count + 1))


MAILDROPS = {
    "none": [],
    "one": _plain(1),
    "three": [
        HEAD % b"one" + b"First.\r\n",
        HEAD % b"two" + b"Second,\r\nof two lines.\r\n",
        HEAD % b"three" + b"Third.\r\n",
    ],
    "many": _plain(2100),
    "lines": [_lines(5)],
    "dots": [
        HEAD % b"dots" + b".\r\n..\r\n.a\r\na.\r\n\r\n.\r\n",
        HEAD % b"last dot" + b"end\r\n.\r\n",
        b".dot first of all\r\n\r\n.\r\n",
    ],
    "unfinished": [
        HEAD % b"no end" + b"no line end",
        HEAD % b"dot" + b"line\r\n.",
        b"Subject: header only\r\n",
        b"Subject: cut",
    ],
    "blank": [HEAD % b"blank" + b"\r\n\r\n", HEAD % b"nothing"],
    "empty": [b""],
    "eight bit": ["Subject: Grüße\r\n\r\nSchöne Grüße\r\n".encode(), b"\r\n\xff\xfe\x80\r\n"],
    "large": [b"".join(big(200_000)), HEAD % b"after" + b"After.\r\n"],
    "long line": [HEAD % b"long" + b"." * 70_000 + b"\r\n"],
    "nul": [HEAD % b"nul" + b"a\x00b\r\n\x00\r\n"],
}

assert all(
    crlf_form(message) == message for messages in MAILDROPS.values() for message in messages
)
