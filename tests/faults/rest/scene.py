"""A gateway, a proxy that makes things wrong, and the reference server of the REST contract."""

import math

from gateway.pop3 import replies
from tests.faults.scene import BOUND
from tests.support.mail import big, crlf_form
from tests.support.mailbox_server import MailboxServer
from tests.support.pop3_client import unstuffed

LARGE = 2  # its number in the corpus
CORPUS = [
    b"Subject: one\r\n\r\n.\r\n..dots\r\n.\r\nend\r\n",
    b"".join(big(300_000)) + b"\r\n",
    b"Subject: three\r\n\r\nno line end",
]
QUICK = {
    "upstream": {
        "warm": {"seconds": 0},
        "http": {
            "connect_timeout": 1.0,
            "response_timeout": 1.0,
            "idle_timeout": 1.0,
            "answer_timeout": 2.0,
            "retry_after": 1.5,
            "max_answer": 65_536,
        },
    }
}


class RestScene:
    """One test's view: the corpus in the mailbox, and nothing wrong yet."""

    def __init__(self, server, proxy, gateway):
        self.server, self.proxy, self.gateway = server, proxy, gateway
        self._clients = []
        proxy.heal()
        proxy.heard.clear()
        for place in ("new", "cur"):
            for file in (server.mail.path / place).iterdir():
                file.unlink()
        for message in CORPUS:
            server.mail.deliver(message)

    def client(self):
        client = self.gateway.client(timeout=BOUND)
        self._clients.append(client)
        return client

    def try_login(self, password=MailboxServer.password):
        """The answer to PASS."""
        client = self.client()
        assert client.command(f"USER {self.server.user}") == replies.SEND_PASSWORD
        return client.command(f"PASS {password}")

    def login(self):
        client = self.client()
        client.login(self.server.user, self.server.password)
        return client

    @property
    def left(self):
        return self.server.mail.messages()

    def is_well_again(self):
        """Without the fault the next login finds whatever is there."""
        self.proxy.heal()
        client = self.login()
        assert int(client.ok("STAT").split()[1]) == len(self.left)
        for number, message in enumerate(self.left, 1):
            assert retrieve(client, number) == ("whole", crlf_form(message))
        assert client.quit().startswith(b"+OK")

    def close(self):
        for client in self._clients:
            client.close()
        self.proxy.heal()


def wire_form(message):
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def retrieve(client, number):
    """("whole", message), ("error", line) or ("cut", octets)."""
    status = client.command(f"RETR {number}")
    if not status:
        return "cut", b""
    if not status.startswith(b"+OK"):
        return "error", status
    pieces = []
    try:
        pieces.extend(client.raw_body())
    except EOFError:
        return "cut", status + b"".join(pieces)
    message = unstuffed(b"".join(pieces))
    found = [known for known in CORPUS if wire_form(known) == message]
    return "whole", found[0] if found else message


def reply(failure):
    return replies.FAILURES[failure].reply


def at(path, fault, method="GET"):
    """Lays a fault before everything at this path; `raw` is every message."""

    def lay(exchange):
        fits = exchange.is_raw if path == "raw" else exchange.path == path
        if fits and exchange.method == method:
            fault(exchange)

    return lay


def problem(status, kind="x", **headers):
    return lambda exchange: exchange.problem(status, kind, **headers)


def hang(exchange):
    exchange.hang = math.inf


def vanish(exchange):
    exchange.close = True
