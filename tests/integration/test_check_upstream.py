"""check-upstream against real servers."""

import os
import subprocess
import sys

import pytest

from tests.support.dovecot import Dovecot

SMALL = b"Subject: small\r\n\r\nhello\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcde\r\n" * 40_000


def check(url, user, password, *flags):
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "gateway",
            "check-upstream",
            url,
            "--user",
            user,
            *map(str, flags),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "POP3_GATEWAY_PASSWORD": password},
        check=False,
        timeout=60,
    )


@pytest.fixture
def mail(dovecot, fresh_user):
    dovecot.deliver_many(fresh_user.name, [SMALL, LARGE, b"", b"no header\n.\n"])
    return fresh_user


@pytest.mark.parametrize("way", ["imap", "imap+starttls", "imaps"])
def test_all_is_well(dovecot, mail, way):
    port = dovecot.tls_port if way == "imaps" else dovecot.port
    result = check(
        f"{way}://localhost:{port}",
        mail.name,
        mail.password,
        "--upstream-ca",
        dovecot.authority,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "FAIL" not in result.stdout
    assert ("TLSv1." in result.stdout) is (way != "imap")
    assert "UIDPLUS   yes" in result.stdout
    assert "sizes are exact for 4 messages" in result.stdout
    assert "deletion is exact" in result.stdout
    assert "STAT  +OK 4 " in result.stdout
    assert "agree on 4 messages" in result.stdout


def test_nothing_is_changed(dovecot, mail):
    with dovecot.imap(mail.name) as client:
        client.select_folder("INBOX")
        client.add_flags([1], [b"\\Deleted"])
    before = dovecot.messages_left(mail.name)
    result = check(f"imap://127.0.0.1:{dovecot.port}", mail.name, mail.password)
    assert "1 message marked \\Deleted by another program" in result.stdout
    assert dovecot.messages_left(mail.name) == before
    with dovecot.imap(mail.name) as client:
        client.select_folder("INBOX", readonly=True)
        flags = client.get_flags(client.search("ALL"))
    assert all(b"\\Seen" not in each for each in flags.values())
    assert [uid for uid, each in flags.items() if b"\\Deleted" in each] == [1]


def test_a_private_ca_must_be_given(dovecot, mail):
    result = check(f"imaps://localhost:{dovecot.tls_port}", mail.name, mail.password)
    assert result.returncode == 1
    assert "not trusted here" in result.stdout
    assert "--upstream-ca" in result.stdout


def test_a_wrong_password_shows_the_servers_words(dovecot, mail):
    result = check(f"imap://127.0.0.1:{dovecot.port}", mail.name, "wrong")
    assert result.returncode == 1
    assert "refused the name or password: [AUTHENTICATIONFAILED]" in result.stdout


def test_an_unusual_password(dovecot):
    dovecot.add_user("kim.ä", ' "pä\\ß" ')
    result = check(f"imap://127.0.0.1:{dovecot.port}", "kim.ä", ' "pä\\ß" ')
    assert result.returncode == 0, result.stdout


def test_tls_where_there_is_none(dovecot, mail):
    result = check(f"imaps://localhost:{dovecot.port}", mail.name, mail.password)
    assert result.returncode == 1
    assert "does not begin with TLS" in result.stdout


def test_a_pop3_server_is_no_imap_server(dovecot, mail):
    result = check(f"imap://localhost:{dovecot.pop3_port}", mail.name, mail.password)
    assert result.returncode == 1
    assert "does not greet as an IMAP server does" in result.stdout


def test_a_certificate_for_another_name(certificates):
    with Dovecot(certificates=certificates, present="wrong_name") as server:
        server.add_user("kim", "x")
        result = check(
            f"imaps://localhost:{server.tls_port}",
            "kim",
            "x",
            "--upstream-ca",
            server.authority,
        )
    assert result.returncode == 1
    assert "not for localhost but for wrong.example" in result.stdout


def test_passwords_only_under_tls_and_no_uidplus(certificates):
    with Dovecot(
        plaintext=False, without=["UIDPLUS", "MOVE"], certificates=certificates
    ) as server:
        server.add_user("kim", "x")
        clear = check(f"imap://127.0.0.2:{server.port}", "kim", "x")
        assert clear.returncode == 1
        assert "LOGINDISABLED" in clear.stdout
        secret = check(
            f"imap+starttls://127.0.0.2:{server.port}",
            "kim",
            "x",
            "--upstream-ca",
            server.authority,
        )
    assert secret.returncode == 0, secret.stdout
    assert "UIDPLUS   no" in secret.stdout
    assert "deletion needs care" in secret.stdout


def test_no_starttls(certificates):
    with Dovecot(ssl="no", certificates=certificates) as server:
        server.add_user("kim", "x")
        result = check(f"imap+starttls://127.0.0.1:{server.port}", "kim", "x")
    assert result.returncode == 1
    assert "does not offer STARTTLS" in result.stdout


@pytest.fixture(scope="module")
def jmap_mail(cyrus):
    name = "checked"
    cyrus.add_user(name, "secret word")
    cyrus.deliver_many(name, [SMALL, LARGE, b"Subject: x\r\n\r\n.\r\n"])
    return name


def test_jmap_is_explained_and_compared(cyrus, jmap_mail):
    result = check(f"jmap+{cyrus.url}", jmap_mail, "secret word")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    assert "without TLS, on this machine" in result.stdout
    assert "sizes are exact for 3 messages read" in result.stdout
    assert "what a client deleted is destroyed" in result.stdout
    assert "STAT  +OK 3 " in result.stdout
    assert "agree on 3 messages" in result.stdout
    with cyrus.imap(jmap_mail) as client:
        client.select_folder("INBOX", readonly=True)
        assert len(client.search("ALL")) == 3
        assert client.search("SEEN") == []


def test_jmap_refuses_a_wrong_password(cyrus, jmap_mail):
    result = check(f"jmap+{cyrus.url}", jmap_mail, "another word")
    assert result.returncode == 1
    assert "401" in result.stdout
    assert "another word" not in result.stdout + result.stderr
