"""`pop3-gateway serve` as a program: flags, the ready line, signals, what it says and when."""

import os
import re
import signal
import socket
import ssl
import stat

import pytest

from tests.support.certificates import make_certificates
from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway, wait_until
from tests.support.mail import big, crlf_form
from tests.support.pop3_client import Pop3Client, Refused

pytestmark = pytest.mark.servers

LETTERS = [b"Subject: %d\n\nletter %d\n" % (number, number) for number in range(4)]


def url_of(server, scheme="imap", host=None):
    port = server.tls_port if scheme == "imaps" else server.port
    return f"{scheme}://{host or server.host}:{port}"


@pytest.mark.parametrize("scheme", ["imaps", "imap+starttls"])
class TestUpstreamTls:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_private_ca(self, scheme, host, dovecot, make_user):
        user = make_user(LETTERS)
        flags = ["--upstream-ca", str(dovecot.authority)]
        url = url_of(dovecot, scheme, host)
        with RunningGateway(url, flags=flags) as gateway, gateway.login(*user) as client:
            assert client.retr(3) == crlf_form(LETTERS[2])
            client.ok("DELE 3")
            assert client.quit().startswith(b"+OK")
        assert dovecot.messages_left(user[0]) == [*LETTERS[:2], LETTERS[3]]

    def test_passwords_only_under_tls(self, scheme, certificates):
        """The upstream announces LOGINDISABLED until then."""
        with Dovecot(certificates=certificates, plaintext=False) as server:
            server.add_user("alice", "secret")
            server.deliver_many("alice", LETTERS)
            flags = ["--upstream-ca", str(server.authority)]
            with (
                RunningGateway(url_of(server, scheme), flags=flags) as gateway,
                gateway.login("alice", "secret") as client,
            ):
                assert client.stat()[0] == len(LETTERS)

    def test_unknown_ca(self, scheme, dovecot, make_user):
        with RunningGateway(url_of(dovecot, scheme)) as gateway:
            with pytest.raises(Refused, match=r"-ERR \[SYS/PERM\]"):
                gateway.login(*make_user())
            assert re.search(r"login_failed .*certificate", gateway.log_text())

    @pytest.mark.parametrize("shown", ["wrong_name", "stranger"])
    def test_certificate_of_somebody_else(self, scheme, shown, certificates):
        with Dovecot(certificates=certificates, present=shown) as server:
            server.add_user("alice", "secret")
            flags = ["--upstream-ca", str(server.authority)]
            with RunningGateway(url_of(server, scheme), flags=flags) as gateway:
                with pytest.raises(Refused, match=r"-ERR \[SYS/PERM\]"):
                    gateway.login("alice", "secret")
                assert re.search(r"login_failed .*certificate", gateway.log_text())
                assert "Login: user=<alice>" not in server.log_text()


class TestStart:
    def test_ready_line(self, gateway):
        assert re.fullmatch(
            r"pop3-gateway ready: pop3 127\.0\.0\.1:\d+, pop3s 127\.0\.0\.1:\d+\n",
            gateway.ready_line,
        )
        for client in (gateway.client(), gateway.client(tls=ssl._create_unverified_context())):
            assert client.greeting == b"+OK POP3 ready\r\n"
            client.close()

    def test_several_listeners(self, dovecot):
        listeners = ["--listen", "127.0.0.1:0", "--listen", "[::1]:0"]
        with RunningGateway(url_of(dovecot), listeners=listeners) as gateway:
            ports = [int(text) for text in re.findall(r":(\d+)(?:,|$)", gateway.ready_line)]
            for host, port in zip(("127.0.0.1", "::1"), ports, strict=True):
                with socket.create_connection((host, port), 5) as client:
                    assert client.recv(100) == b"+OK POP3 ready\r\n"

    def fails(self, gateway):
        """The status and the one line of a gateway that cannot start."""
        try:
            status = gateway.launch().wait()
            assert gateway.ready_line == ""
            return status, gateway.log_text()
        finally:
            gateway.close()

    def test_port_is_taken(self, dovecot):
        with socket.create_server(("127.0.0.1", 0)) as other:
            place = f"127.0.0.1:{other.getsockname()[1]}"
            status, said = self.fails(
                RunningGateway(url_of(dovecot), listeners=["--listen", place])
            )
        assert status == 1
        assert re.fullmatch(rf"pop3-gateway: .*{place}.*[Aa]ddress already in use.*\n", said)

    @pytest.mark.parametrize("place", ["/proc/nothing/here", "/dev/null/state"])
    def test_state_directory_cannot_be_made(self, dovecot, place):
        status, said = self.fails(RunningGateway(url_of(dovecot), flags=["--state-dir", place]))
        assert status in {1, 2}
        assert re.fullmatch(rf"pop3-gateway: .*{place}.*\n", said)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_state_directory_cannot_be_written(self, dovecot, tmp_path):
        tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
        status, said = self.fails(
            RunningGateway(url_of(dovecot), flags=["--state-dir", str(tmp_path)])
        )
        assert status in {1, 2}
        assert re.fullmatch(rf"pop3-gateway: .*{tmp_path}.*\n", said)

    def test_plaintext_to_another_machine_must_be_allowed(self):
        status, said = self.fails(RunningGateway("imap://192.0.2.1:143"))
        assert status == 2
        assert re.fullmatch(r"pop3-gateway: .*without TLS.*allow.*\n", said)

    def test_upstream_need_not_be_there(self, dovecot):
        """It starts all the same, and says so to each client."""
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            with (
                RunningGateway(f"imap://127.0.0.1:{closed.getsockname()[1]}") as gateway,
                pytest.raises(Refused, match=r"\[SYS/TEMP\]"),
            ):
                gateway.login("alice", "secret")


class TestSignals:
    def start(self, dovecot, certificates=None, **settings):
        return RunningGateway(url_of(dovecot), certificates=certificates, settings=settings)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_ends_with_nothing_to_do(self, dovecot, number):
        with self.start(dovecot) as gateway:
            gateway.signal(number)
            assert gateway.wait() == 0
            assert gateway.log_text() == ""

    def test_ends_idle_sessions(self, dovecot, make_user):
        user = make_user(LETTERS)
        with self.start(dovecot) as gateway, gateway.login(*user) as client:
            client.ok("DELE 1")
            gateway.terminate()
            assert client.rest() == b""
            assert gateway.wait() == 0
            assert "reason=shutdown" in gateway.log_text()
        assert dovecot.messages_left(user[0]) == LETTERS

    def test_finishes_a_message(self, dovecot, make_user):
        user = make_user([b"".join(big(20_000_000))])
        with self.start(dovecot) as gateway, gateway.login(*user) as client:
            client.ok("RETR 1")
            gateway.terminate()
            wait_until(lambda: not accepts(gateway), what="the listener to close")
            body = b"".join(client.raw_body())
            assert body == b"".join(big(20_000_000)).replace(b"\n.", b"\n..") + b"\r\n"
            assert client.rest() == b""
            assert gateway.wait() == 0

    def test_waits_for_a_message_no_longer_than_told(self, dovecot, make_user):
        user = make_user([b"".join(big(20_000_000))])
        limits = {"drain_timeout": 0.5}
        with self.start(dovecot, limits=limits) as gateway, gateway.login(*user) as client:
            client.ok("RETR 1")
            gateway.terminate()
            assert gateway.wait() == 0
            assert not client.rest().endswith(b"\r\n.\r\n")

    def test_finishes_update(self, certificates):
        with Dovecot(certificates=certificates) as server:
            server.add_user("alice", "secret")
            server.deliver_many("alice", LETTERS)
            with self.start(server) as gateway, gateway.login("alice", "secret") as client:
                client.ok("DELE 2")
                server.suspend()
                client.send(b"QUIT\r\n")
                wait_until(lambda: journal_holds(gateway), what="the journal")
                gateway.terminate()
                wait_until(lambda: not accepts(gateway), what="the listener to close")
                assert gateway.running
                server.resume()
                assert client.line() == b"+OK 1 message removed, goodbye\r\n"
                assert gateway.wait() == 0
            assert server.messages_left("alice") == [LETTERS[0], *LETTERS[2:]]

    def test_hangup_reads_the_certificate_again(self, dovecot, tmp_path):
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        old, new = make_certificates(tmp_path / "old"), make_certificates(tmp_path / "new")
        with self.start(dovecot, old) as gateway:
            before = gateway.client(tls=old.client_context())
            for name in ("certificate", "key"):
                fresh = getattr(new.server, name).read_bytes()
                getattr(old.server, name).write_bytes(fresh)
            with pytest.raises(ssl.SSLCertVerificationError):
                gateway.client(tls=new.client_context())
            gateway.signal(signal.SIGHUP)
            context = new.client_context()
            wait_until(lambda: trusted(gateway, context), what="the new certificate")
            with gateway.client() as client:
                client.start_tls(context)
                client.ok("CAPA")
            # Who was there stays.
            assert before.command("NOOP").startswith(b"-ERR")
            before.close()

    def test_a_mistake_in_the_settings_keeps_no_renewed_certificate_out(
        self, dovecot, tmp_path
    ):
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        old, new = make_certificates(tmp_path / "old"), make_certificates(tmp_path / "new")
        with self.start(dovecot, old) as gateway:
            for name in ("certificate", "key"):
                fresh = getattr(new.server, name).read_bytes()
                getattr(old.server, name).write_bytes(fresh)
            (gateway.directory / "settings.toml").write_text("workerz = 2\n")
            gateway.signal(signal.SIGHUP)
            gateway.wait_for_log('did you mean "workers"?')
            context = new.client_context()
            wait_until(lambda: trusted(gateway, context), what="the new certificate")

    def test_hangup_with_a_bad_certificate_keeps_the_old_one(self, dovecot, tmp_path):
        old = make_certificates(tmp_path)
        with self.start(dovecot, old) as gateway:
            old.server.certificate.write_text("nothing")
            gateway.signal(signal.SIGHUP)
            gateway.wait_for_log(f"no certificate in {old.server.certificate}")
            gateway.client(tls=old.client_context()).close()
            assert gateway.running


def accepts(gateway):
    try:
        socket.create_connection((gateway.host, gateway.port), 1).close()
    except OSError:
        return False
    return True


def trusted(gateway, context):
    try:
        gateway.client(tls=context).close()
    except ssl.SSLError:
        return False
    return True


def journal_holds(gateway):
    """Whether a plan is written down, seen without opening the database."""
    wal = gateway.directory / "state" / "journal.sqlite-wal"
    return wal.exists() and b"imap://" in wal.read_bytes()


class TestInheritedSockets:
    def test_systemd(self, dovecot, certificates, make_user):
        """LISTEN_FDS, as a socket unit gives them; the gateway opens none itself."""
        user = make_user(LETTERS)
        environment = {**os.environ, "LISTEN_FDNAMES": "pop3s:pop3"}
        with (
            socket.create_server(("127.0.0.1", 0)) as plain,
            socket.create_server(("127.0.0.1", 0)) as secure,
        ):
            waiting = socket.create_connection(plain.getsockname())  # before it has started
            with RunningGateway(
                url_of(dovecot),
                certificates=certificates,
                listeners=["--listen", "systemd:pop3", "--listen-tls", "systemd:pop3s"],
                environment=environment,
                sockets=[secure, plain],
            ) as gateway:
                assert gateway.port == plain.getsockname()[1]
                assert gateway.tls_port == secure.getsockname()[1]
                assert waiting.recv(100) == b"+OK POP3 ready\r\n"
                waiting.close()
                for tls in (None, certificates.client_context()):
                    with gateway.login(*user, tls=tls) as client:
                        assert client.stat()[0] == len(LETTERS)
                        client.quit()

    def test_missing_one(self, dovecot):
        gateway = RunningGateway(url_of(dovecot), listeners=["--listen", "systemd:pop3"])
        try:
            assert gateway.launch().wait() == 1
            assert re.fullmatch(
                r"pop3-gateway: .*FileDescriptorName=pop3.*\n", gateway.log_text()
            )
        finally:
            gateway.close()


class TestLimits:
    def test_connections_of_one_address(self, dovecot):
        limits = {"connections_per_address": 3}
        with RunningGateway(url_of(dovecot), settings={"limits": limits}) as gateway:
            clients = [gateway.client() for _ in range(3)]
            with gateway.client() as refused:
                assert refused.greeting.startswith(b"-ERR [SYS/TEMP]")
                assert refused.rest() == b""
            with socket.socket() as other:  # from another address
                other.settimeout(5)
                other.bind(("127.0.0.9", 0))
                other.connect((gateway.host, gateway.port))
                assert other.recv(100).startswith(b"+OK")
            clients.pop().close()
            wait_until(lambda: welcome(gateway), what="a place")
            for client in clients:
                client.close()

    def test_connections_in_all(self, dovecot):
        limits = {"connections": 2}
        with RunningGateway(url_of(dovecot), settings={"limits": limits}) as gateway:
            with gateway.client(), gateway.client(), gateway.client() as refused:
                assert refused.greeting.startswith(b"-ERR [SYS/TEMP]")
            wait_until(lambda: welcome(gateway), what="a place")

    def test_silence_before_login(self, dovecot):
        settings = {"limits": {"login_timeout": 0.3}}
        with RunningGateway(url_of(dovecot), settings=settings) as gateway:
            with gateway.client() as client:
                assert client.rest() == b""
            gateway.wait_for_log("reason=timeout")


def welcome(gateway):
    with Pop3Client(gateway.host, gateway.port) as client:
        return client.greeting.startswith(b"+OK")
