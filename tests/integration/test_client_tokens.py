"""A client that has an access token of its own: shown to a Dovecot that asks the provider."""

import json
import subprocess

import pytest

from tests.support.gateway import RunningGateway
from tests.support.nanoidp import ASKER, ASKER_SECRET, CLIENT, CLIENT_SECRET, PASSWORD, NanoIdp
from tests.support.token_dovecot import TokenDovecot

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]

MAIL = {
    user: b"Subject: for %b\r\n\r\nOne page.\r\n" % user.encode() for user in ("alice", "bob")
}
MECHANISMS = pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])


@pytest.fixture(scope="module")
def idp():
    with NanoIdp(*MAIL) as server:
        yield server


@pytest.fixture(scope="module")
def mail(idp):
    with TokenDovecot(idp) as server:
        for user, message in MAIL.items():
            server.deliver(user, message)
        yield server


@pytest.fixture(scope="module")
def passing(mail):
    """Shows the token to the mail server, and asks nobody else."""
    settings = {"accounts": {"client_tokens": True}, "log": {"level": "debug"}}
    with RunningGateway(
        f"imap://{mail.host}:{mail.port}", settings=settings, workers=1
    ) as running:
        yield running
        assert "eyJ" not in running.log_path.read_text(), "a token in the log"


@pytest.fixture(scope="module")
def asking(idp, mail, tmp_path_factory):
    """Asks the provider itself, and opens the mailbox with a password that it keeps."""
    secret = tmp_path_factory.mktemp("asker") / "secret"
    secret.write_text(ASKER_SECRET)
    secret.chmod(0o600)
    introspection = {
        "endpoint": f"{idp.url}/introspect",
        "client_id": ASKER,
        "client_secret_file": str(secret),
        "name": "sub",
        "audience": "imap",
    }
    settings = {"accounts": {"client_tokens": True, "introspection": introspection}}
    flags = ("--accounts", "embedded")
    upstream = f"imap://{mail.host}:{mail.port}"
    with RunningGateway(upstream, flags=flags, settings=settings, workers=1) as running:
        kept = ("--password-file", "-")
        running.manage("account", "add", "alice", *kept, secret="password of alice")
        yield running


def token_of(idp, user):
    """As a program gets it that knows its owner's password at the provider."""
    form = {"grant_type": "password", "username": user, "password": PASSWORD, "scope": "openid"}
    return json.loads(idp.form("/token", form, CLIENT, CLIENT_SECRET))["access_token"]


def fetched(gateway, user, token, mechanism):
    """What curl gets of message 1, or what it says."""
    return subprocess.run(
        [
            *(
                "curl",
                "-sS",
                "--max-time",
                "20",
                "--user",
                f"{user}:",
                "--oauth2-bearer",
                token,
            ),
            *("--login-options", f"AUTH={mechanism}", f"pop3://127.0.0.1:{gateway.port}/1"),
        ],
        capture_output=True,
        check=False,
    )


@MECHANISMS
def test_a_token_opens_its_owners_mailbox(passing, idp, mechanism):
    assert fetched(passing, "alice", token_of(idp, "alice"), mechanism).stdout == MAIL["alice"]


@MECHANISMS
def test_and_nobody_elses(passing, idp, mechanism):
    answer = fetched(passing, "bob", token_of(idp, "alice"), mechanism)
    assert answer.returncode == 67
    assert not answer.stdout


@MECHANISMS
def test_nor_that_mailbox_behind_the_back_of_a_kept_connection(passing, idp, mechanism):
    fetched(passing, "alice", token_of(idp, "alice"), mechanism)
    assert fetched(passing, "alice", "made-up", mechanism).returncode == 67


@MECHANISMS
def test_a_revoked_token_opens_nothing(passing, idp, mechanism):
    token = token_of(idp, "bob")
    idp.revoke(token)
    assert fetched(passing, "bob", token, mechanism).returncode == 67


@MECHANISMS
def test_a_token_is_asked_about_and_opens_the_account(asking, idp, mechanism):
    assert fetched(asking, "alice", token_of(idp, "alice"), mechanism).stdout == MAIL["alice"]


@MECHANISMS
def test_what_the_provider_says_is_for_somebody_else_opens_nothing(asking, idp, mechanism):
    assert fetched(asking, "alice", token_of(idp, "bob"), mechanism).returncode == 67
    assert fetched(asking, "alice", "made-up", mechanism).returncode == 67
