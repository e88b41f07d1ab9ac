"""A directory of accounts and devices before real IMAP servers, as an administrator uses it."""

import itertools
import json
import poplib
import re
import signal
import subprocess
import time

import pytest

from tests.support.dovecot import Dovecot
from tests.support.gateway import RunningGateway, wait_until
from tests.support.pop3_client import Pop3Client
from tests.support.postgresql import PASSWORD, PostgreSQL

pytestmark = pytest.mark.servers

LETTERS = [b"Subject: %d\r\n\r\nletter %d\r\n" % (number, number) for number in range(3)]
REFUSED = b"-ERR [AUTH] Wrong name or password\r\n"
# A short memory, or each revocation would take the usual five seconds.
SETTINGS = {"accounts": {"cache": 0.5, "throttle": {"enabled": False}}}
_numbers = itertools.count(1)


def url_of(server):
    return f"imap://{server.host}:{server.port}"


def password_in(output):
    return re.search(r"password +(\S+)", output)[1]


@pytest.fixture(scope="module")
def gateway(dovecot, certificates):
    with RunningGateway(
        "",
        certificates=certificates,
        flags=("--accounts", "embedded"),
        settings=SETTINGS,
        workers=2,
    ) as running:
        yield running


@pytest.fixture
def digests(dovecot):
    accounts = SETTINGS["accounts"] | {"digests": True}
    with RunningGateway(
        "", flags=("--accounts", "embedded"), settings={"accounts": accounts}, workers=1
    ) as running:
        yield running


@pytest.fixture
def kim(gateway, dovecot):
    """An account with kept password."""
    return add_account(gateway, dovecot)


def add_account(gateway, dovecot):
    name = f"scans{next(_numbers)}@example.org"
    dovecot.add_user(name, "the mailbox's own")
    dovecot.deliver_many(name, LETTERS)
    gateway.manage(
        *("account", "add", name, "--upstream", url_of(dovecot), "--password-file", "-"),
        secret="the mailbox's own",
    )
    return name


def answer(gateway, user, password, **options):
    with Pop3Client(gateway.host, gateway.port, **options) as client:
        client.command(f"USER {user}")
        reply = client.command(f"PASS {password}")
        if reply.startswith(b"+OK"):
            client.quit()
        return reply


def test_real_clients_fetch_with_a_device_s_password(gateway, kim):
    password = password_in(gateway.manage("device", "add", kim, "canon"))
    url = f"pop3://{gateway.host}:{gateway.port}/2"
    done = subprocess.run(
        ["curl", "-sS", "--user", f"{kim}:{password}", url],
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == LETTERS[1], done.stderr

    client = poplib.POP3_SSL(
        gateway.host, gateway.tls_port, context=gateway._certificates.client_context()
    )
    client.user(f"{kim}/CANON")
    client.pass_(password.upper().replace("-", ""))
    assert b"\r\n".join([*client.retr(1)[1], b""]) == LETTERS[0]
    client.dele(1)
    client.quit()
    wait_until(lambda: answer(gateway, kim, password).startswith(b"+OK Maildrop has 2 "))


def test_apop_works_where_the_password_was_kept(digests, dovecot):
    gateway, kim = digests, add_account(digests, dovecot)
    kept = password_in(gateway.manage("device", "add", kim, "old", "--keep-secret"))
    hashed = password_in(gateway.manage("device", "add", kim, "new"))
    client = poplib.POP3(gateway.host, gateway.port)
    with pytest.raises(poplib.error_proto, match="AUTH"):
        client.apop(kim, hashed)
    client.apop(kim, kept)
    assert client.stat()[0] == len(LETTERS)
    client.quit()


def test_the_mailbox_s_own_password_is_of_no_use(gateway, kim):
    gateway.manage("device", "add", kim, "canon")
    assert answer(gateway, kim, "the mailbox's own") == REFUSED
    assert answer(gateway, "nobody", "abcd-abcd-abcd-abcd") == REFUSED


def test_a_revoked_device_is_refused_within_seconds_and_the_other_is_not(gateway, kim):
    first = password_in(gateway.manage("device", "add", kim, "canon"))
    second = password_in(gateway.manage("device", "add", kim, "ticket-system"))
    assert answer(gateway, kim, first).startswith(b"+OK")
    assert answer(gateway, kim, second).startswith(b"+OK")
    gateway.manage("device", "revoke", kim, "canon")
    wait_until(lambda: answer(gateway, kim, first) == REFUSED)
    assert answer(gateway, kim, second).startswith(b"+OK")
    gateway.wait_for_log(f"the device {kim}/canon is revoked")
    gateway.manage("account", "disable", kim)
    wait_until(lambda: answer(gateway, kim, second) == REFUSED)
    gateway.manage("account", "enable", kim)
    wait_until(lambda: answer(gateway, kim, second).startswith(b"+OK"))


def test_a_device_is_held_to_its_fence_and_to_tls(gateway, kim):
    output = gateway.manage(
        "device", "add", kim, "canon", "--fence", "127.0.0.9", "--fence", "2001:db8::/32"
    )
    password = password_in(output)
    assert answer(gateway, kim, password) == REFUSED
    assert answer(gateway, kim, password, source="127.0.0.9").startswith(b"+OK")
    gateway.wait_for_log("from outside its fence")

    password = password_in(gateway.manage("device", "add", kim, "modern", "--tls-only"))
    assert answer(gateway, kim, password) == REFUSED
    tls = gateway._certificates.client_context()
    with gateway.client(tls=tls) as client:
        client.login(kim, password)
        client.quit()


def test_when_a_device_was_last_seen_is_noted(gateway, kim):
    password = password_in(gateway.manage("device", "add", kim, "canon"))
    before = time.time()
    tls = gateway._certificates.client_context()
    with gateway.client(tls=tls) as client:
        client.login(kim, password)
        client.quit()

    def row():
        return json.loads(gateway.manage("device", "list", kim, "--json"))[0]

    wait_until(lambda: row()["last_seen"], what="the login to be noted")
    assert row()["last_seen"] >= time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before - 1))
    assert (row()["last_peer"], row()["last_tls"]) == ("127.0.0.1", "TLSv1.3")


def test_a_kept_password_that_is_wrong_is_not_the_device_s_fault(gateway, kim):
    password = password_in(gateway.manage("device", "add", kim, "canon"))
    gateway.manage("account", "change", kim, "--password-file", "-", secret="outdated")
    reply = answer(gateway, kim, password)
    assert reply.startswith(b"-ERR [SYS/")


def test_secrets_are_never_told_again(gateway, kim):
    password = password_in(gateway.manage("device", "add", kim, "canon", "--keep-secret"))
    assert answer(gateway, kim, password).startswith(b"+OK")
    texts = [
        gateway.manage(*command)
        for command in (
            ("account", "show", kim),
            ("account", "list", "--json"),
            ("device", "list", "--json"),
        )
    ]
    texts.append(gateway.log_text())
    files = b"".join(each.read_bytes() for each in gateway.state.iterdir() if each.is_file())
    key = (gateway.state / "key").read_text().strip()
    for secret in (password, password.replace("-", ""), "the mailbox's own"):
        assert not any(secret in text for text in texts)
        assert secret.encode() not in files
    assert not any(key in text for text in texts)


def test_keys_are_rotated_while_devices_poll(gateway, kim):
    password = password_in(gateway.manage("device", "add", kim, "canon"))
    key = gateway.state / "key"
    old = key.read_text()
    gateway.manage_keys("new-key", str(key))
    gateway.signal(signal.SIGHUP)
    assert "encrypted anew" in gateway.manage("accounts", "rotate-key")
    key.write_text(key.read_text().replace(old, ""))
    gateway.signal(signal.SIGHUP)
    for _ in range(8):
        wait_until(lambda: answer(gateway, kim, password).startswith(b"+OK"))


def test_domains_lead_to_their_servers(certificates):
    with Dovecot(certificates=certificates) as one, Dovecot(certificates=certificates) as two:
        one.add_user("kim@example.org", "secret 1")
        one.deliver("kim@example.org", LETTERS[1])
        two.add_user("kim", "secret 2")
        two.deliver("kim", LETTERS[2])
        routes = [
            {"match": "example.org", "upstream": url_of(one)},
            {"match": "*@*.example.net", "upstream": url_of(two), "user": "{local}"},
        ]
        with RunningGateway("", settings={"routes": routes}) as gateway:
            with gateway.login("kim@example.org", "secret 1") as client:
                assert client.retr(1) == LETTERS[1]
            with gateway.login("kim@Mail.EXAMPLE.net", "secret 2") as client:
                assert client.retr(1) == LETTERS[2]
            assert answer(gateway, "kim@example.com", "secret 1") == REFUSED


def test_accounts_in_the_settings_file_are_read_again_after_a_signal(dovecot, make_user):
    name, secret = make_user(LETTERS)
    accounts = SETTINGS["accounts"] | {"account": [{"name": "own"}], "unknown": "pass"}
    with RunningGateway(url_of(dovecot), settings={"accounts": accounts}, workers=2) as gateway:
        file = gateway.directory / "settings.toml"
        (gateway.directory / "password").write_text(secret)
        device = subprocess.run(
            [gateway.program, "device", "hash", "canon"],
            capture_output=True,
            text=True,
            check=True,
        )
        password = password_in(device.stderr.replace("password:", "password "))
        account = f'[[accounts.account]]\nname = "printer"\nmailbox = "{name}"\n'
        account += f'password_file = "{gateway.directory}/password"\n\n'
        before = file.read_text()
        file.write_text(f"{before}\n{account}{device.stdout}")
        assert answer(gateway, "printer", password) == REFUSED
        assert answer(gateway, name, secret).startswith(b"+OK Maildrop has 3 ")
        gateway.signal(signal.SIGHUP)
        wait_until(
            lambda: answer(gateway, "printer", password).startswith(b"+OK Maildrop has 3 ")
        )


def test_a_database_that_dies_keeps_nobody_out_who_was_just_in(dovecot, make_user):
    name, secret = make_user(LETTERS)
    with PostgreSQL() as server:
        url = server.fresh()
        flags = ("--accounts", url)
        settings = {"accounts": {"cache": 0.1, "throttle": {"enabled": False}}}
        gateway = RunningGateway(url_of(dovecot), settings=settings, flags=flags, workers=2)
        file = server.directory / "secret"
        file.write_text(PASSWORD)
        key = server.directory / "key"
        gateway.manage_keys("new-key", str(key))
        settings["accounts"] |= {"store_password_file": str(file), "key_file": str(key)}
        with gateway:
            for account in ("printer", "scanner"):
                gateway.manage(
                    *("account", "add", account, "--mailbox", name, "--password-file", "-"),
                    secret=secret,
                )
            password = password_in(gateway.manage("device", "add", "printer", "canon"))
            other = password_in(gateway.manage("device", "add", "scanner", "canon"))
            for _ in range(12):  # both workers have seen it
                assert answer(gateway, "printer", password).startswith(b"+OK Maildrop has 3 ")
            server.kill()
            time.sleep(0.2)
            assert answer(gateway, "scanner", other).startswith(b"-ERR [SYS/TEMP]")
            for _ in range(6):
                assert answer(gateway, "printer", password).startswith(b"+OK Maildrop has 3 ")
            server.start()
            wait_until(
                lambda: answer(gateway, "scanner", other).startswith(b"+OK Maildrop has 3 ")
            )
            for text in (gateway.log_text(), server.log_text()):
                for shown in (PASSWORD, password, secret, key.read_text().strip()):
                    assert shown not in text
