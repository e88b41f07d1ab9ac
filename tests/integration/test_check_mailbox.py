"""`check-mailbox` on the reference server, and on servers that break one rule each."""

import base64

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.support.mail import awkward
from tests.support.mailbox_server import MailboxServer
from tests.support.rest_proxy import RestProxy
from tests.support.wrong_mailbox import (
    DELETIONS,
    IGNORED,
    REQUESTS,
    TWISTS,
    ignores,
    on_list,
    open_to_all,
)

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server():
    with MailboxServer("--page", "100") as running:
        for message in awkward().values():
            running.mail.deliver(message)
        yield running


@pytest.fixture
def proxy(server):
    with RestProxy(server) as running:
        yield running


def check(server, url, *flags):
    """The exit status, the rules that were named, and what was said."""
    password = server.directory / "password"
    words = ["check-mailbox", url, "--user", server.user, "--password-file", str(password)]
    done = CliRunner().invoke(main, [*words, "--timeout", "5", *flags])
    assert server.password not in done.output
    assert "Traceback" not in done.output
    lines = done.output.splitlines()
    rules = {int(line.split()[2].rstrip(":")) for line in lines if line.startswith("FAIL")}
    for rule in rules:
        assert any(line.startswith(f"      Rule {rule}: ") for line in lines)
    assert done.output.count("What to do:") == done.output.count("FAIL  rule")
    return done.exit_code, rules, done.output


def test_the_reference_server_keeps_every_rule(server):
    status, rules, said = check(server, server.url)
    assert (status, rules) == (0, set()), said
    assert "deletion was not tried" in said
    before = [message["id"] for message in server.listed()]
    status, rules, said = check(server, server.url, "--destructive")
    assert (status, rules) == (0, set()), said
    assert [message["id"] for message in server.listed()] == before[:-1]


def test_the_first_thing_that_is_checked_is_the_size(server):
    said = check(server, server.url)[2]
    assert said.splitlines()[2].startswith("ok    size:")


def test_only_the_message_that_was_named_is_deleted(server, proxy):
    server.mail.deliver(b"to go\n")
    *others, last = [message["id"] for message in server.listed()]
    status, rules, said = check(server, proxy.url, "--delete-id", others[0])
    assert (status, rules) == (0, set()), said
    assert [message["id"] for message in server.listed()] == [*others[1:], last]


def test_an_id_that_is_not_there_deletes_nothing(server):
    before = server.listed()
    status, rules, _ = check(server, server.url, "--delete-id", "nobody")
    assert (status, rules) == (1, {9})
    assert server.listed() == before


def test_a_token_will_do(server):
    words = ["check-mailbox", server.url, "--token-file", str(server.directory / "tokens")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert server.token not in done.output


def test_an_empty_mailbox_can_be_checked():
    with MailboxServer() as empty:
        assert check(empty, empty.url, "--destructive")[:2] == (0, set())


@pytest.mark.parametrize("name", TWISTS)
def test_a_broken_rule_is_named(name, server, proxy):
    proxy.twist, rule, words = TWISTS[name]
    status, rules, said = check(server, proxy.url)
    assert status == 1
    assert rule in rules, said
    assert words in said


@pytest.mark.parametrize("name", IGNORED)
def test_a_header_field_that_is_ignored_is_named(name, server, proxy):
    field, rule, words = IGNORED[name]
    proxy.before = ignores(field)
    status, rules, said = check(server, proxy.url)
    assert (status, rules) == (1, {rule}), said
    assert words in said


def test_pages_without_end_are_named(server, proxy):
    def before(exchange):
        exchange.target = exchange.target.replace("cursor=again", "limit=5")

    proxy.before, proxy.twist = before, on_list(lambda page: page.update(next="again"))
    status, rules, said = check(server, proxy.url)
    assert (status, rules) == (1, {6}), said
    assert "no end" in said


def test_bare_line_feeds_are_named(server, proxy):
    def to_lf(exchange):
        if exchange.is_raw and exchange.method == "GET" and exchange.status == 200:
            exchange.resize(exchange.body.replace(b"\r\n", b"\n"))

    proxy.twist = to_lf
    _, rules, said = check(server, proxy.url)
    assert {1, 2} <= rules
    assert "end in LF alone" in said


def test_a_server_that_lets_everybody_in_is_named(server, proxy):
    proxy.before = open_to_all(server)
    status, rules, said = check(server, proxy.url)
    assert (status, rules) == (1, {12}), said
    assert "no credentials is 200" in said


def test_a_lock_that_is_not_given_back_is_named():
    def before(exchange):
        if exchange.method == "DELETE":
            exchange.status = 204

    with MailboxServer() as server, RestProxy(server) as proxy:
        proxy.before = before
        status, rules, said = check(server, proxy.url)
    assert (status, rules) == (1, {11}), said
    assert "after the lock was given back is 423" in said


# Deletion gone wrong, each on a message of its own.


def destructive(server, proxy):
    server.mail.deliver(b"Subject: victim\n\n")
    return check(server, proxy.url, "--destructive")


@pytest.mark.parametrize("name", DELETIONS)
def test_a_wrong_answer_to_a_deletion_is_named(name, server, proxy):
    proxy.twist, rule, words = DELETIONS[name]
    status, rules, said = destructive(server, proxy)
    assert (status, rules) == (1, {rule}), said
    assert words in said


@pytest.mark.parametrize("name", REQUESTS)
def test_a_deletion_that_is_done_wrongly_is_named(name, server, proxy):
    proxy.before, rule, words = REQUESTS[name]
    status, rules, said = destructive(server, proxy)
    assert status == 1
    assert rule in rules, said
    assert words in said


def test_a_deletion_that_takes_more_is_named(server, proxy):
    server.mail.deliver(b"bystander\n")

    def before(exchange):
        if exchange.path == "/messages/delete" and b"no-such-id" in exchange.sent:
            bystander = server.listed()[-2]["id"].encode()
            exchange.sent = exchange.sent.replace(b"check-mailbox-no-such-id", bystander)

    proxy.before = before
    status, rules, said = destructive(server, proxy)
    assert status == 1
    assert 9 in rules
    assert "gone too, which nobody asked to delete" in said


def test_a_deletion_that_does_nothing_is_named(server, proxy):
    def before(exchange):
        if exchange.path == "/messages/delete" and b"no-such-id" in exchange.sent:
            *_, victim = (message["id"] for message in server.listed())
            state = server.get("/session")["state"]
            value = {
                "destroyed": [victim],
                "notFound": ["check-mailbox-no-such-id"],
                "failed": {},
                "state": state,
            }
            exchange.answer(200, value)

    proxy.before = before
    _, rules, said = destructive(server, proxy)
    assert {9, 10} <= rules
    assert "still in the list after it was deleted" in said


def test_without_permission_no_deletion_is_sent(server, proxy):
    check(server, proxy.url)
    assert ("POST", "/messages/delete") not in proxy.heard


# What is no mailbox at all.


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda e: e.problem(500), "500"),
        (lambda e: e.answer(200, {}, "text/html"), "text/html"),
        (lambda e: setattr(e, "close", True), "no answer"),
        (lambda e: e.problem(401, www_authenticate="Basic"), "401"),
    ],
)
def test_what_is_no_mailbox_is_told(fault, words, server, proxy):
    proxy.before = fault
    status, rules, said = check(server, proxy.url)
    assert status == 1
    assert len(rules) == 1
    assert words in said


def test_nobody_listens(server):
    status, rules, _ = check(server, "http://127.0.0.1:9")
    assert (status, rules) == (1, {13})


@pytest.mark.parametrize(
    "words",
    [
        ["ftp://127.0.0.1/"],
        ["http://a:b@127.0.0.1/"],
        ["http://127.0.0.1:99999/"],
        ["http://127.0.0.1/?x"],
    ],
)
def test_a_wrong_url_is_a_usage_error(words, server):
    assert check(server, *words)[0] == 2


def test_credentials_are_needed(server):
    done = CliRunner().invoke(main, ["check-mailbox", server.url])
    assert done.exit_code == 2
    assert "--token-file" in done.output


def test_a_wrong_password_is_told(server, tmp_path):
    (tmp_path / "pw").write_text("wrong\n")
    words = ["check-mailbox", server.url, "--user", "alice", "--password-file"]
    done = CliRunner().invoke(main, [*words, str(tmp_path / "pw")])
    assert done.exit_code == 1
    assert "rule 12" in done.output
    assert base64.b64encode(b"alice:wrong").decode() not in done.output


def test_a_server_cannot_steer_the_terminal(server, proxy):
    def twist(exchange):
        if exchange.path == "/session":
            exchange.json = {**exchange.json, "account": "\x1b[2J\u202ekim"}

    proxy.twist = twist
    said = check(server, proxy.url)[2]
    assert "account ?[2J?kim" in said
