"""What each real server can do, as far as tests of the gateway rely on it."""

import poplib
import re
import socket
import ssl
import time
import urllib.request

import imapclient.exceptions
import pytest

from tests.support.dovecot import Dovecot
from tests.support.imap4d import Imap4d
from tests.support.mail import crlf_form, realistic_mix
from tests.support.oracle import fetch_all, open_imap, talk
from tests.support.ports import banner

pytestmark = pytest.mark.servers

LETTER = b"Subject: hello\n\n.dot\nlast\n"


class TestDovecot:
    def test_pop3_and_imap_agree(self, dovecot, fresh_user):
        mix = realistic_mix(20)
        dovecot.deliver_many(fresh_user.name, mix)
        pop3 = poplib.POP3(dovecot.host, dovecot.pop3_port, timeout=10)
        pop3.user(fresh_user.name)
        pop3.pass_(fresh_user.password)
        assert pop3.stat() == (20, sum(map(len, mix)))
        assert b"\r\n".join(pop3.retr(3)[1]) + b"\r\n" == mix[2]
        pop3.dele(3)
        pop3.quit()
        assert dovecot.messages_left(fresh_user.name) == mix[:2] + mix[3:]

    def test_keeps_the_order_of_delivery_in_new_and_cur(self, dovecot, fresh_user):
        for number in range(12):
            dovecot.deliver(fresh_user.name, b"Subject: %d\n\n" % number, seen=number % 3 == 0)
        with dovecot.imap(fresh_user.name) as client:
            shown = fetch_all(client)
        assert [uid for uid, _, _ in shown] == list(range(1, 13))
        assert [body.split()[1] for _, _, body in shown] == [b"%d" % n for n in range(12)]

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("Grüße@Example.ORG", "pässwörd"),
            (b"\xff\xfe", b"\xe9\x80"),
            ("a b:c/d..%u", '{PLAIN}: "\\ #'),
            ("UPPER", " "),
        ],
    )
    def test_any_user_name_and_password(self, dovecot, name, password):
        dovecot.add_user(name, password)
        dovecot.deliver(name, LETTER)
        with dovecot.imap(name) as client:
            assert len(fetch_all(client)) == 1

    def test_announces(self, dovecot, fresh_user):
        before, *_ = talk(dovecot.host, dovecot.port, "CAPABILITY")
        with dovecot.imap(fresh_user.name) as client:
            after = set(client.capabilities())
        assert {b"SASL-IR", b"ID", b"LITERAL+", b"STARTTLS", b"AUTH=PLAIN"} <= set(
            before.split()
        )
        assert not {b"UIDPLUS", b"MOVE", b"LOGINDISABLED"} & set(before.split())
        assert {b"UIDPLUS", b"MOVE", b"SASL-IR", b"ID", b"LITERAL+", b"CONDSTORE"} <= after

    def test_uid_expunge_takes_only_what_is_named(self, dovecot, fresh_user):
        dovecot.deliver_many(fresh_user.name, [LETTER, LETTER])
        with dovecot.imap(fresh_user.name) as client:
            client.select_folder("INBOX")
            client.delete_messages([1, 2])
            client.uid_expunge([2])
            assert client.search() == [1]

    def test_capabilities_can_be_left_out(self):
        with Dovecot(without=["UIDPLUS", "MOVE"]) as server:
            server.add_user("alice", "secret")
            with server.imap("alice") as client:
                after = set(client.capabilities())
            assert not {b"UIDPLUS", b"MOVE"} & after
            assert b"LITERAL+" in after

    def test_passwords_only_under_tls(self, certificates):
        with Dovecot(plaintext=False, certificates=certificates) as server:
            server.add_user("alice", "secret")
            capability, login = talk(
                server.host, server.port, "CAPABILITY", "LOGIN alice secret"
            )
            assert b"LOGINDISABLED" in capability
            assert b"NO [PRIVACYREQUIRED]" in login
            with server.imap("alice") as client:
                assert client.noop()

    def test_imaps_with_the_right_certificate(self, dovecot, certificates):
        context = certificates.client_context()
        with (
            socket.create_connection((dovecot.host, dovecot.tls_port), 5) as raw,
            context.wrap_socket(raw, server_hostname="localhost") as secure,
        ):
            assert secure.recv(100).startswith(b"* OK")

    def test_delays_only_when_asked(self):
        with Dovecot(delays=True) as server:
            server.add_user("alice", "secret")
            before = time.monotonic()
            with pytest.raises(imapclient.exceptions.LoginError):
                server.imap("alice", "wrong")
            assert time.monotonic() - before > 1

    def test_kill_sessions_leaves_the_server(self):
        with Dovecot() as server:
            server.add_user("alice", "secret")
            with server.imap("alice") as client:
                assert server.kill_sessions() == 1
                with pytest.raises((OSError, imapclient.exceptions.IMAPClientError)):
                    client.noop()
            with server.imap("alice") as client:
                assert client.noop()

    def test_stop_accepting_leaves_the_sessions(self):
        with Dovecot() as server:
            server.add_user("alice", "secret")
            with server.imap("alice") as client:
                server.stop_accepting()
                assert client.noop()
                with pytest.raises(TimeoutError):
                    banner(server.port, timeout=0.3)
                server.resume()
                assert banner(server.port, timeout=5).startswith(b"* OK")

    def test_has_nothing_to_complain_about(self):
        with Dovecot() as server:
            server.add_user("alice", "secret")
            server.deliver("alice", LETTER)
            with server.imap("alice") as client:
                fetch_all(client)
            assert "Login: user=<alice>" in server.log_text()
            assert re.findall(r".*(?:Error|Warning|Fatal).*", server.log_text()) == []


class TestImap4d:
    def test_knows_no_uidplus(self, imap4d):
        imap4d.add_user("plain", "secret")
        imap4d.deliver_many("plain", [LETTER, LETTER])
        with imap4d.imap("plain") as client:
            after = set(client.capabilities())
        assert {b"ID", b"LITERAL+", b"UNSELECT", b"IDLE"} <= after
        assert not {b"UIDPLUS", b"MOVE", b"SASL-IR", b"CONDSTORE", b"ESEARCH"} & after
        _, _, expunge, move, store, everything, _ = talk(
            imap4d.host,
            imap4d.port,
            "LOGIN plain@localhost secret",
            "SELECT INBOX",
            "UID EXPUNGE 1",
            "UID MOVE 1 other",
            "UID STORE 1 +FLAGS (\\Deleted)",
            "EXPUNGE",
            "LOGOUT",
        )
        assert b" BAD " in expunge
        assert b" BAD " in move
        assert b" OK " in store
        # Not RFC 3501's "* 1 EXPUNGE": a client that counts must not rely on it.
        assert everything.startswith(b"* 1 EXPUNGED\r\n* 1 EXISTS\r\n")
        assert imap4d.messages_left("plain") == [LETTER]

    def test_mbox_gains_headers_when_a_session_has_ended(self):
        with Imap4d(storage="mbox") as server:
            server.add_user("alice", "secret")
            server.deliver_many("alice", [LETTER, LETTER])
            with server.imap("alice") as client:
                [(_, _, first), _] = fetch_all(client)
                client.select_folder("INBOX")
                client.close_folder()
            with server.imap("alice") as client:
                [(_, _, second), _] = fetch_all(client)
            assert first == crlf_form(LETTER)
            assert b"X-UID: 1\r\n" in second
            assert len(server.messages_left("alice")) == 2


class TestCyrus:
    def test_announces(self, cyrus):
        cyrus.add_user("announced", "secret")
        before, *_ = talk(cyrus.host, cyrus.port, "CAPABILITY")
        with cyrus.imap("announced") as client:
            after = set(client.capabilities())
        assert {b"SASL-IR", b"ID", b"LITERAL+", b"AUTH=PLAIN"} <= set(before.split())
        assert {b"UIDPLUS", b"MOVE", b"ID", b"LITERAL+", b"CONDSTORE", b"OBJECTID"} <= after
        assert b"SASL-IR" not in after

    def test_lmtp_pop3_and_jmap_answer(self, cyrus):
        cyrus.add_user("many", "secret")
        cyrus.deliver_by_lmtp("many", LETTER)
        pop3 = poplib.POP3(cyrus.host, cyrus.pop3_port, timeout=10)
        pop3.user("many")
        pop3.pass_("secret")
        lines = pop3.retr(1)[1]
        pop3.quit()
        assert lines[0].startswith(b"Return-Path:")
        assert lines[-3:] == [b".dot", b"last", b""]  # smtplib ends it with one more line
        keys = urllib.request.HTTPPasswordMgrWithDefaultRealm()
        keys.add_password(None, cyrus.url, "many", "secret")
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(keys))
        with opener.open(f"{cyrus.url}/jmap/", timeout=10) as answer:
            assert b"urn:ietf:params:jmap:mail" in answer.read()


class TestCertificates:
    @pytest.mark.parametrize("kind", ["wrong_name", "stranger"])
    def test_bad_ones_are_refused(self, certificates, kind):
        context = certificates.client_context()
        with (
            Dovecot(certificates=certificates, present=kind) as server,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            open_imap(server.host, server.port, b"alice", b"secret", starttls=context)
