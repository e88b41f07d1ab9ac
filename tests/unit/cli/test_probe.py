"""The command `probe` against servers that are honest and servers that lie."""

import ssl
import threading

import pytest
from click.testing import CliRunner

from gateway.cli.probe import probe
from gateway.cli.probe_checks import Verdict
from gateway.cli.probe_script import Probe
from gateway.cli.probe_target import Account, Server
from tests.unit.cli.fake_pop3 import MAIL, PASSWORD, Bye, FakePop3


def examine(server, **options):
    said = []
    target = Server(("127.0.0.1", server.port), ssl.create_default_context(), False, False, 0.5)
    checks = Probe(target, Account(b"kim", PASSWORD), said.append, **options).run()
    return checks, said


def fails(checks):
    return {check.name: check.text for check in checks if check.verdict is Verdict.FAIL}


def warnings(checks):
    return {check.name: check.text for check in checks if check.verdict is Verdict.WARN}


def test_an_honest_server_passes_everything_and_keeps_its_mail():
    with FakePop3() as server:
        checks, said = examine(server)
    assert fails(checks) == {}
    assert warnings(checks) == {}
    assert {"PIPELINING", "UIDL persists", "RSET", "QUIT", "TOP 1 5"} <= {
        c.name for c in checks
    }
    assert server.marks == set()
    assert not any(PASSWORD.decode() in line for line in said)
    assert "C: PASS ***" in said


class WrongSize(FakePop3):
    def size(self, number):
        return super().size(number) + (number == 2) * 7


class NoFinalLineEnd(FakePop3):
    mail = (b"Subject: x\r\n\r\nno end",)

    def stuffed(self, message):
        return super().stuffed(message.removesuffix(b"\r\n") + b"\r\n")


class Truncating(FakePop3):
    def stuffed(self, message):
        return super().stuffed(message)[:150]


class Renumbering(FakePop3):
    def shown(self):
        return dict(
            enumerate((m for n, m in enumerate(self.mail, 1) if n not in self.marks), 1)
        )

    def size(self, number):
        return len(self.shown()[number])


class StillListing(FakePop3):
    def shown(self):
        return dict(enumerate(self.mail, 1))


class LoneDot(FakePop3):
    def stuffed(self, message):
        return message


class OneDot(FakePop3):
    mail = (b"Subject: x\r\n\r\n.begin\r\n",)

    def stuffed(self, message):
        return message


class TwiceTheSame(FakePop3):
    def unique_id(self, number):
        return b"same" if number > 1 else b"other"


class OddIds(FakePop3):
    def unique_id(self, number):
        return b"<odd id %d>" % number


class NewIds(FakePop3):
    logins = 0

    def do_pass(self, password):
        self.logins += 1
        return super().do_pass(password)

    def unique_id(self, number):
        return b"%d.%d" % (self.logins, number)


class OneAtATime(FakePop3):
    """Announces PIPELINING and forgets what comes with a command."""

    def session(self, client):
        while True:
            line, _, _forgotten = self.receive(client).partition(b"\r\n")
            client.sendall(self.answer(line))
            if line == b"QUIT":
                raise Bye


class WrongTotal(FakePop3):
    def do_stat(self, _):
        return b"+OK 3 1\r\n"


class WrongSingle(FakePop3):
    def do_uidl(self, rest):
        return b"+OK id-1\r\n" if rest else super().do_uidl(rest)


class TopIsAll(FakePop3):
    def do_top(self, rest):
        return self.do_retr(rest.split()[0])


class TopIsElse(FakePop3):
    def do_top(self, rest):
        return self.body(b"Subject: else\r\n\r\n")


class NeverTheSame(FakePop3):
    """Makes its MIME boundaries anew at each fetch, as Exchange did."""

    fetches = 0

    def body(self, message):
        self.fetches += 1
        return super().body(message.replace(b"t", b"%d" % (self.fetches % 10)))


class NoTop(FakePop3):
    do_top = None


class TakesZero(FakePop3):
    def do_dele(self, rest):
        return b"+OK\r\n" if rest == b"0" else super().do_dele(rest)


class DiesOfNonsense(FakePop3):
    def do_xyzzy(self, _):
        raise Bye


class Talkative(FakePop3):
    def do_noop(self, _):
        return b"HELLO\r\n"


class NoQuit(FakePop3):
    def do_quit(self, _):
        return b"-ERR stay\r\n"


class OddCapabilities(FakePop3):
    capabilities = ("USER", "UIDL", "TOP", "LOGIN-DELAY soon")


class Full(FakePop3):
    greeting = b"-ERR too many"


class BrokenList(FakePop3):
    def do_list(self, rest):
        return self.lines(b"+OK", [b"one: 20 octets"])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (WrongSize, {"RETR 2": "it is cut short"}),
        (NoFinalLineEnd, {}),
        (Truncating, {"RETR 2": "cut short"}),
        (Renumbering, {"numbers stay": "deletes the wrong messages"}),
        (StillListing, {"DELE hides": "is listed though"}),
        (LoneDot, {"RETR 3": "a single dot was not stuffed"}),
        (OneDot, {"RETR 1 dots": "begins with a single dot", "RETR 1": "cut short"}),
        (TwiceTheSame, {"UIDL unique": "2 and 3"}),
        (OddIds, {"UIDL form": "<odd id 1>"}),
        (NewIds, {"UIDL persists": "3 unique-ids"}),
        (OneAtATime, {"PIPELINING": "no answer"}),
        (WrongTotal, {"STAT": "STAT says 3 messages of 1 octets", "STAT after DELE": ""}),
        (WrongSingle, {"UIDL n": "should be `+OK 3 id-3` but is `+OK id-1`"}),
        (TopIsElse, {"TOP 1 0": "not the beginning"}),
        (NeverTheSame, {"RETR twice": "message 1 is another"}),
        (NoTop, {"CAPA TOP": "announced but refused"}),
        (TakesZero, {"DELE 0": "answered with `+OK`"}),
        (DiesOfNonsense, {"XYZZY": "closed the connection"}),
        (Talkative, {"DELE 0": "neither +OK nor -ERR: HELLO"}),
        (NoQuit, {"QUIT": "answered with -ERR stay"}),
        (OddCapabilities, {"CAPA LOGIN-DELAY": "cannot be `soon`"}),
        (Full, {"greeting": "too many"}),
        (BrokenList, {"LIST": "not a number and a value"}),
    ],
)
def test_each_lie_is_found(kind, expected):
    with kind() as server:
        checks, _ = examine(server)
    found = fails(checks)
    for name, text in expected.items():
        assert text in found[name]
    if kind in {WrongSize, NoFinalLineEnd, LoneDot, TwiceTheSame, OddIds, NewIds, NoTop}:
        assert set(found) == set(expected)


def test_top_with_too_many_lines_is_only_a_warning():
    with TopIsAll() as server:
        checks, _ = examine(server)
    assert fails(checks) == {}
    assert "lines instead of" in warnings(checks)["TOP 2 5"]


class NoReset(FakePop3):
    def do_rset(self, _):
        return b"-ERR no\r\n"


class HalfReset(FakePop3):
    def do_rset(self, _):
        return b"+OK\r\n"


@pytest.mark.parametrize("kind", [NoReset, HalfReset, Talkative, LoneDot])
def test_marks_that_may_remain_are_never_followed_by_quit(kind):
    with kind() as server:
        examine(server)
    first = server.heard[: server.heard.index(b"PASS " + PASSWORD, 5)]
    assert b"QUIT" not in first


def test_dele_can_be_left_out():
    with FakePop3() as server:
        checks, _ = examine(server, try_delete=False)
    assert b"DELE 1" not in server.heard
    assert warnings(checks) == {"DELE": "not tried"}


class Empty(FakePop3):
    mail = ()
    capabilities = ("PIPELINE", "USER", "UIDL", "TOP", "TOP", "SASL FOO", "X-MINE")


def test_what_is_odd_but_allowed_is_warned_of():
    with Empty() as server:
        checks, _ = examine(server)
    assert fails(checks) == {}
    assert set(warnings(checks)) == {"CAPA twice", "CAPA PIPELINE", "SASL", "RETR", "DELE"}


class NoCapa(FakePop3):
    do_capa = None
    do_uidl = None
    do_top = None


def test_a_server_of_1988_is_usable():
    with NoCapa() as server:
        checks, _ = examine(server)
    assert fails(checks) == {}
    assert set(warnings(checks)) == {"CAPA", "CAPA UIDL", "CAPA TOP"}


class OnlySasl(FakePop3):
    capabilities = ("UIDL", "TOP", "SASL PLAIN")
    do_user = None

    def do_auth(self, rest):
        return b"+OK\r\n" if rest == b"PLAIN AGtpbQBzM2NyZXQtcGFzcw==" else b"-ERR no\r\n"


def test_login_by_sasl_where_there_is_no_user():
    with OnlySasl() as server:
        checks, said = examine(server)
    assert fails(checks) == {}
    assert "C: AUTH PLAIN ***" in said


class OneSession(FakePop3):
    logins = 0

    def do_pass(self, password):
        self.logins += 1
        return b"+OK\r\n" if self.logins == 1 else b"-ERR [LOGIN-DELAY] wait\r\n"


def test_a_second_session_may_be_refused():
    with OneSession() as server:
        checks, _ = examine(server)
    assert fails(checks) == {}
    assert "[LOGIN-DELAY]" in warnings(checks)["second session"]


class Tls(FakePop3):
    """TLS by STLS."""

    capabilities = ("USER", "UIDL", "TOP", "STLS")
    after = ("USER", "UIDL", "TOP")
    context = None

    def session(self, client):
        buffer = b""
        while True:
            while b"\r\n" not in buffer:
                buffer += self.receive(client)
            line, _, buffer = buffer.partition(b"\r\n")
            if line == b"STLS":
                client.sendall(b"+OK\r\n")
                client = self.context.wrap_socket(client, server_side=True)
                plain, self.capabilities = self.capabilities, self.after
                try:
                    super().session(client)
                finally:
                    self.capabilities = plain
                    client.close()
            client.sendall(self.answer(line))
            if line == b"QUIT":
                raise Bye


class Pop3s(FakePop3):
    context = None

    def secured(self, client):
        return self.context.wrap_socket(client, server_side=True)


def server_context(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.combined)
    return context


@pytest.fixture
def tls_server(certificates):
    server = Tls()
    server.context = server_context(certificates)
    with server:
        yield server


def run(server, *arguments, password="s3cret-pass", scheme="pop3"):
    url = f"{scheme}://kim@127.0.0.1:{server.port}"
    environment = {"POP3_PASSWORD": password}
    return CliRunner().invoke(probe, [url, "--timeout", "0.5", *arguments], env=environment)


def test_starttls(tls_server, certificates):
    result = run(tls_server, "--starttls", "--ca", str(certificates.authority))
    assert result.exit_code == 0, result.output
    assert "not announced inside TLS" in result.output


def test_stls_is_tried_where_it_is_offered(tls_server, certificates):
    result = run(tls_server, "--ca", str(certificates.authority))
    assert result.exit_code == 0, result.output
    assert "-- STLS" in result.output
    assert "not announced inside TLS" in result.output


def test_a_certificate_that_is_not_believed(tls_server):
    assert "this certificate is not believed" in run(tls_server).output
    result = run(tls_server, "--starttls")
    assert result.exit_code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in result.output
    assert f"PASS {PASSWORD.decode()}".encode() not in tls_server.heard[-2:]


def test_no_verify_says_what_it_means(tls_server):
    result = run(tls_server, "--starttls", "--no-verify")
    assert result.exit_code == 0, result.output
    assert "WARNING: certificates are not verified" in result.stderr


def test_the_command_shows_conversation_and_judgement():
    with FakePop3() as server:
        result = run(server)
    assert result.exit_code == 0
    assert "C: RETR 3" in result.output
    assert "0 WARN, 0 FAIL" in result.output
    assert PASSWORD.decode() not in result.output


def test_a_refused_login_shows_no_password_and_fails():
    with FakePop3() as server:
        result = run(server, password="wrong-pass")
    assert result.exit_code == 1
    assert "wrong-pass" not in result.output
    assert "[AUTH] not ***" in result.output


def test_the_password_may_be_in_a_file_or_be_asked_for(tmp_path):
    file = tmp_path / "password"
    file.write_bytes(PASSWORD + b"\n")
    with FakePop3() as server:
        url = f"pop3://kim@127.0.0.1:{server.port}"
        result = CliRunner().invoke(probe, [url, "--quiet", "--password-file", str(file)])
        assert (result.exit_code, "C:" in result.output) == (0, False)
        result = CliRunner().invoke(probe, [url], input=PASSWORD.decode() + "\n")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("imap://kim@host", "it has the form"),
        ("pop3://host", "it has the form"),
        ("pop3://kim:secret@host", "the password does not belong in it"),
        ("pop3://kim@host:99999", "ort"),
        ("pop3://kim%0d@host", "must not hold CR"),
    ],
)
def test_wrong_urls(url, text):
    result = CliRunner().invoke(probe, [url], env={"POP3_PASSWORD": "x"})
    assert result.exit_code == 2
    assert text in result.output
    assert "secret" not in result.output


def test_nobody_listens():
    with FakePop3() as server:
        pass
    result = run(server)
    assert result.exit_code == 1
    assert "no connection" in result.output


class Drip(FakePop3):
    """Sends a body that never ends."""

    def do_retr(self, _):
        return b"+OK\r\n" + b"x" * 400_000


def test_a_body_without_end_is_bounded():
    with Drip() as server:
        checks, _ = examine(server)
    assert "no end of the answer within" in fails(checks)["RETR 1"]


def test_no_thread_is_left():
    before = set(threading.enumerate())
    with FakePop3() as server:
        examine(server)
    assert not server._thread.is_alive()
    assert set(threading.enumerate()) <= before
    assert len(MAIL) == 3


class AnyPassword(FakePop3):
    def do_pass(self, password):
        return b"-ERR not " + password + b"\r\n" if password == b"E" else b"+OK\r\n"


@pytest.mark.parametrize(("password", "status"), [("5", 0), ("OK", 0), ("E", 1)])
def test_a_short_password_spoils_nothing(password, status):
    with AnyPassword() as server:
        result = run(server, password=password)
    assert result.exit_code == status, result.output
    assert "S: -ERR not E" not in result.output


def test_pop3s(certificates):
    server = Pop3s()
    server.context = server_context(certificates)
    with server:
        good = run(server, "--ca", str(certificates.authority), scheme="pop3s")
        bad = run(server, scheme="pop3s")
    assert good.exit_code == 0, good.output
    assert (bad.exit_code, "CERTIFICATE_VERIFY_FAILED" in bad.output) == (1, True)
    assert run(server, "--starttls", scheme="pop3s").exit_code == 2
