"""The evening's work without a console: a provider, an account, a sign-in, a device, its mail."""

import subprocess

import pytest

from tests.integration.test_accounts import answer, password_in
from tests.support.gateway import PROGRAM, RunningGateway, wait_until
from tests.support.nanoidp import CLIENT, CLIENT_SECRET, NanoIdp
from tests.support.pop3_client import Pop3Client
from tests.support.token_dovecot import TokenDovecot

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

MAIL = b"Subject: scan\r\n\r\nOne page.\r\n"
LATER = b"-ERR [SYS/TEMP] "


@pytest.fixture(scope="module")
def idp():
    with NanoIdp("alice", "bob", CLIENT, rotates=True) as server:
        yield server


@pytest.fixture(scope="module")
def mail(idp):
    with TokenDovecot(idp) as server:
        for user in idp.users:
            server.deliver(user, MAIL)
        yield server


@pytest.fixture(scope="module")
def gateway(idp, mail):
    settings = {
        "accounts": {"cache": 0.2, "throttle": {"enabled": False}},
        "upstream": {"warm": {"seconds": 0}},
        "log": {"level": "debug"},
    }
    flags = ("--accounts", "embedded")
    with RunningGateway("", flags=flags, settings=settings, workers=2) as running:
        running.manage(
            *("provider", "add", "office", "--preset", "oidc", "--issuer", idp.url),
            *("--upstream", f"imap://{mail.host}:{mail.port}"),
            *("--client-id", CLIENT, "--client-secret-file", "-"),
            secret=CLIENT_SECRET,
        )
        yield running
        log = running.log_path.read_text()
        assert "eyJ" not in log, "a token in the log"
        assert CLIENT_SECRET not in log


def added(gateway, name, mailbox):
    """A new account; the password of its device."""
    gateway.manage("account", "add", name, "--provider", "office", "--mailbox", mailbox)
    return password_in(gateway.manage("device", "add", name, "canon"))


def sign_in(gateway, *arguments):
    """The command as somebody types it."""
    directory = gateway.directory
    return subprocess.Popen(
        [
            *(str(PROGRAM), "account", "sign-in", *arguments),
            *("--config", str(directory / "settings.toml")),
            *("--state-dir", str(gateway.state), "--accounts", "embedded"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def by_browser(gateway, idp, name, user, *flags):
    """What the command says in the end."""
    command = sign_in(gateway, name, *flags)
    url = next(line for line in command.stdout if line.startswith("http")).strip()
    back = f"http://127.0.0.1:8477/signed-in?{idp.sign_in(url, user)}"
    return command.communicate(f"{back}\n", timeout=30)[0], command.returncode


def test_from_nothing_to_mail_by_a_device_s_password(gateway, idp):
    password = added(gateway, "scan", "alice")
    assert answer(gateway, "scan", password).startswith(LATER)  # nobody has signed in yet
    said, status = by_browser(gateway, idp, "scan", "alice")
    assert "signed in: scan, by alice@example.org" in said
    assert status == 0
    wait_until(lambda: answer(gateway, "scan", password).startswith(b"+OK"))
    with Pop3Client(gateway.host, gateway.port) as client:
        client.ok("USER scan")
        client.ok(f"PASS {password}")
        assert client.retr(1) == MAIL
        client.quit()
    assert answer(gateway, "scan", "wrong").startswith(b"-ERR [AUTH]")


def test_a_consent_taken_back_is_sys_temp_and_never_auth(gateway, idp):
    password = added(gateway, "faded", "alice")
    by_browser(gateway, idp, "faded", "alice")
    wait_until(lambda: answer(gateway, "faded", password).startswith(b"+OK"))
    gateway.manage("account", "sign-out", "faded")

    def all_say_later():
        """Both workers, each of which trusts for some seconds what it knows."""
        return all(answer(gateway, "faded", password).startswith(LATER) for _ in range(6))

    wait_until(all_say_later, timeout=60)
    by_browser(gateway, idp, "faded", "alice")
    wait_until(lambda: answer(gateway, "faded", password).startswith(b"+OK"), timeout=60)


def test_the_wrong_owner_is_told_so(gateway, idp):
    added(gateway, "mine", "alice")
    said, status = by_browser(gateway, idp, "mine", "bob")
    assert status == 1
    assert "bob@example.org has signed in, and the mailbox is alice" in said
    assert "Traceback" not in said


def test_a_code_on_another_screen(gateway, idp):
    password = added(gateway, "by-code", "bob")
    command = sign_in(gateway, "by-code", "--by", "code")
    line = command.stdout.readline()
    assert f"Open {idp.url}/device" in line
    idp.enter(line.split()[-1], "bob")
    assert "by bob@example.org" in command.communicate(timeout=30)[0]
    wait_until(lambda: answer(gateway, "by-code", password).startswith(b"+OK"))


def test_a_service_mailbox_needs_nobody(gateway):
    password = added(gateway, "service", CLIENT)
    command = sign_in(gateway, "service", "--by", "client")
    assert "signed in: service" in command.communicate(timeout=30)[0]
    wait_until(lambda: answer(gateway, "service", password).startswith(b"+OK"))


def test_what_cannot_be_signed_in_is_told(gateway):
    for name, word in [("nobody", "no account nobody")]:
        command = sign_in(gateway, name)
        said = command.communicate("\n", timeout=30)[0]
        assert word in said
        assert command.returncode == 1
