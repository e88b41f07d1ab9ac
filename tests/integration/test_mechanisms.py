"""Real clients with each way to prove a password, against a door that knows one device."""

import poplib

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from gateway.app.gateway import Gateway
from gateway.app.sockets import open_all
from gateway.config import load
from gateway.maildrop import BearerToken, Digest, Scram
from gateway.telemetry import Emitter
from tests.support.known_devices import KnownDevice
from tests.support.readers import CRLF, Failed, _private, _run

MESSAGE = b"Subject: one\r\n\r\n.dot\r\n"
USER, PASSWORD = "printer@example.org", "abcd-efgh-jkmn-pqrs"


class Place:
    """A gateway over a Maildir, with everything on offer; a test starts and stops it."""

    def __init__(self, directory):
        self.directory = directory
        self.events = []
        self.door = KnownDevice(USER.encode(), PASSWORD.encode(), opens=(b"demo", b"demo"))

    async def start(self):
        from twisted.internet import reactor

        maildir = self.directory / "Maildir"
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True)
        (maildir / "new" / "1.a.b").write_bytes(MESSAGE)
        given = {
            "upstream.url": f"maildir://{maildir}",
            "state.dir": str(self.directory / "state"),
            "listen.plain": ["127.0.0.1:0"],
            "accounts.digests": True,
            "accounts.client_tokens": True,
            "pop3.failed_login_delay": 0,
        }
        settings = load(None, given)
        emit = Emitter(lambda event, _: self.events.append(event))
        self.gateway = Gateway(settings, reactor, emit, door=self.door)
        sockets = open_all(settings.listen)
        line = await self.gateway.start(sockets)
        for each in sockets:
            each.opened.close()
        self.port = int(line.rpartition(":")[2])

    @property
    def proof(self):
        """What the last client showed, if the maildrop was opened for it."""
        attempt, admission, failure = self.door.ends[-1]
        assert attempt.user == USER.encode()
        assert failure is None
        assert admission.device == "printer"
        return attempt.proof


def curl(place, password, *options):
    url = f"pop3://127.0.0.1:{place.port}/1"
    words = ["curl", "-sS", "--user", f"{USER}:{password}", *options, url]
    return _run(words, place.directory).encode()


def curl_token(place, token, mechanism):
    url = f"pop3://127.0.0.1:{place.port}/1"
    login = ("--user", f"{USER}:", "--oauth2-bearer", token)
    words = ["curl", "-sS", *login, "--login-options", f"AUTH={mechanism}", url]
    return _run(words, place.directory).encode()


def fetchmail(place, password, *, proto="pop3", auth="any"):
    out = place.directory / "fetched"
    rc = _private(
        place.directory / "fetchmailrc",
        f"""\
set invisible
poll 127.0.0.1 proto {proto} port {place.port} auth {auth}
  user "{USER}" password "{password}" is "reader" here
  sslproto '' fetchall keep no rewrite no stripcr pass8bits mda "cat >{out}"
""",
    )
    files = ["--idfile", place.directory / "ids", "--pidfile", place.directory / "pid"]
    _run(["fetchmail", "-f", rc, *files, "--nosyslog", "--nodetach"], place.directory)
    return out.read_bytes()


def mpop(place, password, auth):
    out = place.directory / "mbox"
    rc = _private(
        place.directory / "mpoprc",
        f"""\
account only
host 127.0.0.1
port {place.port}
user {USER}
password "{password}"
auth {auth}
tls off
keep on
received_header off
uidls_file {place.directory}/uidls
delivery mbox {out}
""",
    )
    _run(["mpop", "-C", rc, "-q", "-a"], place.directory)
    text = out.read_bytes().partition(b"\n")[2]
    return text.rstrip(b"\n").replace(b"\n", CRLF) + CRLF


def python_apop(place, password):
    client = poplib.POP3("127.0.0.1", place.port, timeout=30)
    try:
        client.apop(USER, password)
        return b"".join(line + CRLF for line in client.retr(1)[1])
    except poplib.error_proto as error:
        raise Failed(repr(error)) from error
    finally:
        client.close()


CLIENTS = {
    "poplib APOP": (python_apop, Digest),
    "curl APOP": (
        lambda place, word: curl(place, word, "--login-options", "AUTH=+APOP"),
        Digest,
    ),
    "curl CRAM-MD5": (
        lambda place, word: curl(place, word, "--login-options", "AUTH=CRAM-MD5"),
        Digest,
    ),
    "curl XOAUTH2": (lambda place, word: curl_token(place, word, "XOAUTH2"), BearerToken),
    "curl OAUTHBEARER": (
        lambda place, word: curl_token(place, word, "OAUTHBEARER"),
        BearerToken,
    ),
    "fetchmail APOP": (lambda place, word: fetchmail(place, word, proto="apop"), Digest),
    "fetchmail CRAM-MD5": (lambda place, word: fetchmail(place, word, auth="cram-md5"), Digest),
    "mpop APOP": (lambda place, word: mpop(place, word, "apop"), Digest),
    "mpop CRAM-MD5": (lambda place, word: mpop(place, word, "cram-md5"), Digest),
    "mpop SCRAM-SHA-256": (lambda place, word: mpop(place, word, "scram-sha-256"), Scram),
    "mpop OAUTHBEARER": (lambda place, word: mpop(place, word, "oauthbearer"), BearerToken),
    "mpop XOAUTH2": (lambda place, word: mpop(place, word, "xoauth2"), BearerToken),
}


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.mark.parametrize(("fetch", "kind"), CLIENTS.values(), ids=CLIENTS)
@pytest_twisted.ensureDeferred
async def test_a_client_gets_its_mail(place, fetch, kind):
    await place.start()
    try:
        fetched = await deferToThread(fetch, place, PASSWORD)
    finally:
        await place.gateway.stop()
    assert MESSAGE.split(CRLF)[0] in fetched
    assert fetched.replace(CRLF, b"\n").endswith(b"\n\n.dot\n")
    assert type(place.proof) is kind


@pytest.mark.parametrize(("fetch", "kind"), CLIENTS.values(), ids=CLIENTS)
@pytest_twisted.ensureDeferred
async def test_a_client_with_another_password_gets_none(place, fetch, kind):
    await place.start()
    try:
        with pytest.raises(Failed):
            await deferToThread(fetch, place, "abcd-efgh-jkmn-pqrt")
    finally:
        await place.gateway.stop()
    assert {type(attempt.proof) for attempt in place.door.attempts} == {kind}
    assert place.door.ends == []
    assert PASSWORD not in repr(place.events)
    assert any(event.name() == "login_failed" for event in place.events)
