"""Alarms reach people: through a real mail server, and by a webhook."""

import contextlib
import http.server
import json
import subprocess
import threading
import time
from email import message_from_bytes, policy

import pytest
from pydantic import SecretStr

from gateway.accounts.model import Account, Grant, Provider
from gateway.accounts.store import Store
from gateway.accounts.vault import Vault, read_keys
from tests.support.certificates import make_certificates
from tests.support.gateway import PROGRAM, RunningGateway, wait_until
from tests.support.maildev import MailDev
from tests.support.submission import Submission

pytestmark = pytest.mark.servers
SECRET = "s3cret of the sender"
FILE = """
[upstream]
url = "imaps://imap.example.org"
[accounts]
store = "embedded"
[metrics]
listen = "127.0.0.1:0"
[alarms]
"""


class Hook:
    """What a chat system does with a webhook."""

    def __init__(self):
        self.got = []
        self.status = 200
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                hook.got.append((self.path, json.loads(self.rfile.read(length))))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0P-S3CRET"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hook():
    made = Hook()
    yield made
    made.close()


@pytest.fixture
def serve(certificates):
    """A mail server that asks for TLS and a password."""
    with contextlib.ExitStack() as running:
        yield lambda way="starttls": running.enter_context(
            Submission(way, certificates.server, SECRET)
        )


@pytest.fixture
def settings(tmp_path, certificates):
    """Writes a file for a mail server."""

    def write(server, password=SECRET, ca=certificates.authority, **more):
        (tmp_path / "password").write_text(password)
        values = {
            "mail_to": ["office@example.org", "kim@example.org"],
            "mail_from": "gateway@example.org",
            "smtp_host": server.host,
            "smtp_port": server.port,
            "smtp_user": "gateway",
            "smtp_password_file": str(tmp_path / "password"),
            "ca": str(ca),
            **more,
        }
        lines = [f"{key} = {json.dumps(value)}\n" for key, value in values.items()]
        file = tmp_path / "settings.toml"
        file.write_text(FILE + "".join(lines))
        return file

    return write


def tried(file, program):
    done = program("test-alarm", "--config", str(file))
    for secret in (SECRET, "T0P"):
        assert secret not in done.stdout + done.stderr
    return done


@pytest.fixture
def program():
    def run(*arguments):
        return subprocess.run(
            [str(PROGRAM), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.mark.parametrize("way", ["starttls", "implicit"])
def test_mail_goes_by_tls_with_a_password(serve, settings, program, way):
    server = serve(way)
    done = tried(settings(server, smtp_tls=way), program)
    assert (done.returncode, done.stdout) == (0, "mail: sent\n"), done.stderr
    [mail] = server.mails()
    assert mail["Subject"] == "POP3 gateway: this is a test"
    assert mail["To"] == "office@example.org, kim@example.org"


REFUSED = {
    "a stranger": ({"ca": None}, "certificate verify failed"),
    "a wrong password": ({"password": "wrong"}, "said 535"),
    "no server": ({"smtp_port": 1}, "Connection refused"),
    "nobody there": (
        {"mail_to": ["nobody@example.org"]},
        "takes no mail for nobody@example.org",
    ),
}


@pytest.mark.parametrize("more", REFUSED.values(), ids=REFUSED)
def test_why_nobody_was_told(serve, settings, program, tmp_path, more):
    values, told = more
    if "ca" in values:
        (tmp_path / "other").mkdir()
        values = {"ca": make_certificates(tmp_path / "other").authority}
    server = serve()
    done = tried(settings(server, **values), program)
    assert done.returncode == 1
    assert told in done.stdout
    assert server.mails() == []


def test_some_are_told_though_others_cannot_be(serve, settings, program):
    server = serve()
    done = tried(settings(server, mail_to=["nobody@example.org", "kim@example.org"]), program)
    assert done.returncode == 1
    assert "takes no mail for nobody@example.org (550 " in done.stdout
    assert len(server.mails()) == 1


def test_a_webhook_gets_json_and_its_url_is_shown_nowhere(hook, tmp_path, program):
    (tmp_path / "hook").write_text(hook.url)
    file = tmp_path / "settings.toml"
    file.write_text(f'{FILE}webhook_file = "{tmp_path / "hook"}"\n')
    assert tried(file, program).stdout == "webhook: sent\n"
    [(path, whole)] = hook.got
    assert path == "/services/T0P-S3CRET"
    assert "this is a test" in whole["text"]
    hook.status = 403
    done = tried(file, program)
    assert (done.returncode, done.stdout) == (
        1,
        "webhook: the webhook answered with status 403\n",
    )


def test_nobody_is_told_without_settings(tmp_path, program):
    file = tmp_path / "settings.toml"
    file.write_text(FILE.replace("[alarms]", ""))
    done = program("test-alarm", "--config", str(file))
    assert done.returncode == 2
    assert "[alarms]" in done.stderr


def test_a_consent_that_is_lost_is_told_once(hook, tmp_path):
    (tmp_path / "hook").write_text(hook.url)
    with MailDev() as maildev:
        alarms = {
            "mail_to": ["office@example.org"],
            "mail_from": "gateway@example.org",
            "smtp_host": maildev.host,
            "smtp_port": maildev.smtp_port,
            "smtp_tls": "none",
            "webhook_file": str(tmp_path / "hook"),
        }
        flags = ("--accounts", "embedded", "--console", "127.0.0.1:0")
        with RunningGateway("", flags=flags, settings={"alarms": alarms}, workers=1) as running:
            _lose_a_consent(running)
            wait_until(lambda: maildev.list() and hook.got, timeout=60, what="the alarm")
            [mail] = [
                message_from_bytes(maildev.raw(row), policy=policy.default)
                for row in maildev.list()
            ]
            assert mail["Subject"] == "POP3 gateway: the mail of kim@example.org has stopped"
            assert "withdrawn" in mail.get_content()
            assert running.console in mail.get_content()
            log = running.log_path.read_text()
            assert log.count("alarm_sent") == 2
            assert "T0P" not in log
            running.terminate()
            running.wait()
    assert len(hook.got) == 1


def _lose_a_consent(running):
    state = running.state
    wait_until((state / "key").exists, what="the key")
    store = Store(state / "accounts.sqlite", Vault(read_keys(state / "key")))
    where = "imaps://imap.example.org"
    store.providers.save(Provider("office", "oidc", where, "id", issuer="https://idp.example"))
    store.accounts.add(Account("kim@example.org", provider="office"))
    token, now = SecretStr("token"), time.time()
    store.grants.put(
        Grant(
            "kim@example.org",
            "code",
            token,
            token,
            now,
            refreshed=now,
            broken="the consent was withdrawn: sign in again",
        )
    )
    store.close()
