"""check-upstream with the fakes of the mail clouds."""

import json

import pytest
from click.testing import CliRunner

from tests.integration.test_check_upstream import check
from tests.support.cloud_server import answer, cut, reset
from tests.support.fake_gmail import FakeGmail
from tests.support.fake_graph import FakeGraph

ALICE = "alice@example.org"
LETTERS = [b"Subject: %d\r\n\r\nhello\r\n" % number for number in range(5)]
KINDS = {"graph": (FakeGraph, "/contoso.example"), "gmail": (FakeGmail, "")}


@pytest.fixture(params=KINDS)
def cloud(request):
    fake, tail = KINDS[request.param]
    with fake() as server:
        server.tokens = {"the-token": ALICE}
        for letter in LETTERS:
            server.box.add(letter)
        server.upstream = f"{request.param}+http://{server.host}:{server.port}{tail}"
        yield server


@pytest.fixture
def token(tmp_path):
    (tmp_path / "token").write_text("the-token\n")
    return ["--upstream-token-file", tmp_path / "token"]


def test_explains(cloud, token):
    result = check(cloud.upstream, ALICE, "any", *token, "--sample", 3)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stderr == ""
    for word in (
        "limits: ",
        "sizes: ",
        "unique-ids are ",
        "a login without news",
        "deletion is",
    ):
        assert f"\n      {word}" in result.stdout
    assert "whatever password a client gives" in " ".join(result.stdout.split())
    assert "STAT  +OK 5 " in result.stdout
    assert "for 3 of 3 messages read" in result.stdout
    assert "the-token" not in result.stdout


def test_changes_nothing(cloud, token):
    check(cloud.upstream, ALICE, "any", *token)
    assert {request.method for request in cloud.requests} == {"GET"}


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"graph": {"delete": "permanent"}}, "is removed for good, where not even the owner"),
        ({"gmail": {"delete": "permanent"}}, "the token needs https://mail.google.com/"),
        ({"gmail": {"delete": "archive"}}, "taken out of the inbox and no more"),
        ({"http": {"sizes": "estimate"}}, "Logins announce such estimates"),
    ],
)
def test_tells_what_the_settings_mean(settings, line, cloud, token, tmp_path):
    (table, values), *_ = settings.items()
    if table not in {"http", cloud.upstream.partition("+")[0]}:
        pytest.skip("of the other kind")
    (name, value), *_ = values.items()
    config = tmp_path / "settings.toml"
    config.write_text(f"[upstream.{table}]\n{name} = {json.dumps(value)}\n")
    result = check(cloud.upstream, ALICE, "any", *token, "--config", config)
    assert line in " ".join(result.stdout.split())


def test_refused(cloud, token):
    cloud.expired.add("the-token")
    result = check(cloud.upstream, ALICE, "any", *token)
    assert result.returncode == 1
    assert "ConsentMissing" in result.stdout


def test_a_message_that_cannot_be_fetched(cloud, token):
    for stage in ("VALUE", "RAW"):
        cloud.fault(stage, cut(5, reset), skip=1)
    result = check(cloud.upstream, ALICE, "any", *token)
    assert result.returncode == 1
    assert "FAIL  the gateway's driver failed (" in result.stdout
    assert "message 2" in result.stdout


def test_no_mailbox(cloud, token):
    for stage in ("DELTA", "PROFILE"):
        cloud.fault(stage, answer(403, {"error": {"code": "ErrorAccessDenied"}}))
    result = check(cloud.upstream, ALICE, "any", *token)
    assert result.returncode == 1
    assert "403" in result.stdout


def test_needs_a_token():
    from gateway.cli import main

    result = CliRunner().invoke(main, ["check-upstream", "gmail://", "--user", ALICE])
    assert result.exit_code == 2
    assert "takes a token and no passwords" in result.stderr
