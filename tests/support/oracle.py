"""IMAPClient as the oracle: what a server holds, seen without the gateway."""

import contextlib
import socket

from imapclient import IMAPClient, SocketTimeout


def open_imap(host, port, user, password, *, starttls=None, mechanism="PLAIN"):
    """A logged-in IMAPClient; a context manager, as tests must not leave sockets behind.

    ``starttls`` is the TLS context to use, if any. User and password are octets and go
    through SASL PLAIN, which carries them as they are; ``LOGIN`` serves plain names only.
    """
    client = IMAPClient(host, port, ssl=False, timeout=SocketTimeout(5, 20))
    # Else each command waits 40 ms for the acknowledgement of the one before it.
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        if starttls is not None:
            client.starttls(starttls)
        if mechanism == "PLAIN":
            client.sasl_login("PLAIN", lambda _: b"\0" + user + b"\0" + password)
        else:
            client.login(user.decode(), password.decode())
    except BaseException:
        with contextlib.suppress(OSError):  # a failed handshake has closed it already
            client.shutdown()
        raise
    return client


def fetch_all(client, folder="INBOX"):
    """Everything in a folder, read only: a list of (UID, RFC822.SIZE, BODY[]) by UID."""
    client.select_folder(folder, readonly=True)
    found = client.fetch(client.search(), ["RFC822.SIZE", "BODY.PEEK[]"])
    return [
        (uid, items[b"RFC822.SIZE"], items[b"BODY[]"] or b"")
        for uid, items in sorted(found.items())
    ]


def talk(host, port, *lines):
    """One raw IMAP dialog: send each line, return what came back to each of them.

    A line's answer is everything up to its tagged reply; tags are added here.
    """
    with (
        socket.create_connection((host, port), 5) as connection,
        connection.makefile("rb") as replies,
    ):
        replies.readline()
        return [_ask(connection, replies, n, line) for n, line in enumerate(lines)]


def _ask(connection, replies, number, line):
    tag = b"t%d" % number
    connection.sendall(
        tag + b" " + (line.encode() if isinstance(line, str) else line) + b"\r\n"
    )
    answer = b""
    while reply := replies.readline():
        answer += reply
        if reply.startswith(tag + b" "):
            break
    return answer
