"""A mail API behind a profile, seen from a POP3 client's chair."""

from gateway.errors import (
    BadCredentials,
    ConsentMissing,
    MessageGone,
    Misconfigured,
    PartialCommit,
    Throttled,
    Unavailable,
)
from gateway.pop3 import replies
from tests.faults.scene import bounded
from tests.support.pop3_client import unstuffed
from tests.support.profile_bench import PASSWORD, fresh_user

BIG = b"Subject: two\r\n\r\n" + b"%s\r\n" % (b"x" * 70) * 3000
LETTERS = [b"Subject: one\r\n\r\n.\r\n..dots\r\n", BIG, b"Subject: three\r\n\r\nend\r\n"]
TEMP, PERM, AUTH, LATER, GONE, KEPT, CONSENT = (
    replies.FAILURES[failure].reply
    for failure in (
        Unavailable,
        Misconfigured,
        BadCredentials,
        Throttled,
        MessageGone,
        PartialCommit,
        ConsentMissing,
    )
)


def try_login(gateway, user, password=PASSWORD):
    """The answer to PASS."""
    with gateway.client() as client:
        client.ok(f"USER {user}")
        return client.command(f"PASS {password}")


def learned(profiles, *changes, user=None):
    """A session of somebody whose sizes are known, so that nothing is asked for at login."""
    user = user or fresh_user()
    gateway = profiles.gateway(*changes)
    gateway.login(user, PASSWORD).quit()
    profiles.api.heard.clear()
    return gateway.login(user, PASSWORD)


def retrieve(client, number):
    """What one RETR comes to: ("whole", message), ("error", line) or ("cut", octets)."""
    status = client.command(f"RETR {number}")
    if status.startswith(b"-ERR"):
        return "error", status
    pieces = []
    try:
        pieces.extend(client.raw_body())
    except EOFError:
        return "cut", status + b"".join(pieces)
    return "whole", unstuffed(b"".join(pieces))


def everything_is_there(profiles, mail_api, user):
    mail_api.heal()
    assert [letter.octets for letter in mail_api.letters] == LETTERS
    with profiles.gateway().login(user, PASSWORD) as client:
        assert client.stat()[0] == len(LETTERS)
        client.quit()


def quit_after(client, *numbers):
    for number in numbers:
        client.ok(f"DELE {number}")
    with bounded():
        reply = client.quit()
    return "ok" if reply.startswith(b"+OK") else reply
