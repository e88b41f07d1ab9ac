"""A gateway and a fake mail cloud behind it, seen from a POP3 client's chair."""

import contextlib
import itertools

from tests.faults.scene import SYS_TEMP, bounded, is_over
from tests.support.cloud_gateway import PASSWORD, CloudGateway
from tests.support.fake_gmail import GmailBox
from tests.support.fake_graph_mailbox import Mailbox
from tests.support.pop3_client import unstuffed

__all__ = [
    "CORPUS",
    "PASSWORD",
    "SYS_TEMP",
    "CloudScene",
    "bounded",
    "gateway_before",
    "is_over",
]

CORPUS = [
    b"Subject: one\r\n\r\n.\r\n..dots\r\n.\r\nend\r\n",
    b"Subject: two\r\n\r\n" + b"%s\r\n" % (b"x" * 70) * 3000,
    b"Subject: three\r\n\r\nno line end",
]
# Time-outs that a busy machine keeps to as long as nothing hangs on purpose.
QUICK = {
    "connect_timeout": 1,
    "response_timeout": 1,
    "idle_timeout": 1,
    "answer_timeout": 3,
    "retry_after": 2,
    "learn_timeout": 10,
    "max_answer": 65_536,
    "resume": 1,
    "prefetch": False,
}
_users = itertools.count(1)


@contextlib.contextmanager
def gateway_before(kind, fake, **options):
    with CloudGateway(
        kind, fake, http={**QUICK, **options.pop("http", {})}, **options
    ) as gateway:
        yield gateway
        assert gateway.running
        log = gateway.log_text()
    assert "internal_error" not in log, log
    assert "Traceback" not in log, log
    assert PASSWORD not in log
    assert "Bearer" not in log


class CloudScene:
    """One test's view: a user of whom nobody has heard, with the corpus in the inbox."""

    def __init__(self, fake, gateway):
        self.fake = fake
        self.gateway = gateway
        self.user = f"user{next(_users)}@example.org"
        self._clients = []
        fake.heal()
        fake.expired = set()
        self.box = self._fresh_box()
        self.marks = [self.box.add(message) for message in CORPUS]
        fake.forget_requests()

    def _fresh_box(self):
        if hasattr(self.fake, "mailboxes"):
            box = self.fake.mailboxes[self.user] = Mailbox(self.user)
            self.fake.tokens = {"token": "*"}
            return box
        self.fake.box, self.fake.tokens = GmailBox(self.user), {"token": self.user}
        return self.fake.box

    @property
    def inbox(self):
        """What is in the inbox, oldest first."""
        if isinstance(self.box, Mailbox):
            return [item.octets for item in self.box.inside("inbox")]
        return [mail.octets for mail in reversed(self.box.inbox)]

    def client(self):
        client = self.gateway.client(timeout=20)
        self._clients.append(client)
        return client

    def try_login(self, client=None):
        """The answer to PASS."""
        client = client or self.client()
        client.command(f"USER {self.user}")
        return client.command(f"PASS {PASSWORD}")

    def login(self):
        client = self.client()
        reply = self.try_login(client)
        assert reply.startswith(b"+OK"), reply
        return client

    def all_is_well(self):
        """The same user logs in and reads everything, once the cloud is well again."""
        self.fake.heal()
        client = self.login()
        assert client.stat() == (len(CORPUS), sum(map(len, CORPUS)))
        for number, message in enumerate(CORPUS, 1):
            assert retrieve(client, number) == ("whole", message)
        assert client.quit().startswith(b"+OK")

    def quit_tells_the_truth(self, client, *numbers):
        """QUIT after these marks: whatever it says is so, and nothing else is touched."""
        for number in numbers:
            client.ok(f"DELE {number}")
        with bounded():
            reply = client.quit()
        marked = [CORPUS[number - 1] for number in numbers]
        left = [message for message in self.inbox if message in marked]
        assert [each for each in self.inbox if each not in marked] == [
            each for each in CORPUS if each not in marked
        ]
        if reply.startswith(b"+OK"):
            assert left == []
        else:
            assert reply in {SYS_TEMP, b""} or reply.startswith(b"-ERR [SYS/"), reply
        return reply, left

    def close(self):
        for client in self._clients:
            client.close()
        self.fake.heal()


def retrieve(client, number):
    """What one RETR comes to: ("whole", message), ("error", line) or ("cut", octets).

    Whatever looks complete must be a message of the corpus.
    """
    status = client.command(f"RETR {number}")
    if not status:
        return "cut", b""
    if not status.startswith(b"+OK"):
        return "error", status
    pieces = []
    try:
        pieces.extend(client.raw_body())
    except EOFError:
        return "cut", b"".join(pieces)
    message = unstuffed(b"".join(pieces))
    found = [known for known in CORPUS if message in {known, known + b"\r\n"}]
    return "whole", found[0] if found else message
