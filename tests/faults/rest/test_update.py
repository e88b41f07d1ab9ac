"""What a REST mailbox does wrong at QUIT."""

import pytest

from gateway.errors import EpochChanged
from gateway.pop3 import replies
from tests.faults.rest.scene import CORPUS, at, hang, problem, reply, retrieve, vanish
from tests.faults.scene import is_over

pytestmark = pytest.mark.servers


DELETE = {
    "500": problem(500),
    "503": problem(503),
    "429": problem(429, retry_after="9999"),
    "401": problem(401, www_authenticate="Basic"),
    "403": problem(403),
    "413": problem(413),
    "422": problem(422),
    "hangs up": vanish,
    "HTML": lambda e: e.answer(200, {}, "text/html"),
    "null": lambda e: e.answer(200, None),
}


@pytest.mark.parametrize("name", DELETE)
def test_a_deletion_that_fails_is_told_and_keeps_the_mail(scene, name):
    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.before = at("/messages/delete", DELETE[name], "POST")
    assert client.command("QUIT") == replies.UNKNOWN_OUTCOME
    assert is_over(client)
    assert scene.left == CORPUS


def test_a_deletion_that_gets_no_answer_is_an_unknown_outcome(scene):
    """The server does it and does not say so; the next login settles it."""
    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.before = at("/messages/delete", hang, "POST")
    assert client.command("QUIT") == replies.UNKNOWN_OUTCOME
    assert is_over(client)
    assert scene.left == [CORPUS[1]]
    scene.is_well_again()


def test_changes_that_leave_something_out_are_seen_by_their_total(scene):
    scene.login().quit()

    def twist(exchange):
        if exchange.path == "/changes" and exchange.status == 200:
            exchange.json = {**exchange.json, "destroyed": []}

    (first, *_) = sorted((scene.server.mail.path / "new").iterdir())
    first.unlink()
    scene.proxy.twist = twist
    client = scene.login()
    assert client.ok("STAT").split()[1] == b"2"


def test_a_deletion_in_another_generation_does_nothing(scene):
    client = scene.login()
    client.ok("DELE 1")
    fault = problem(409, "generation-changed")
    scene.proxy.before = at("/messages/delete", fault, "POST")
    assert client.command("QUIT") == reply(EpochChanged)
    assert is_over(client)
    assert scene.left == CORPUS


@pytest.mark.parametrize("times", [1, 2])
def test_a_lost_answer_is_asked_for_again_with_the_same_key(scene, times):
    keys, left = [], [1] * times

    def twist(exchange):
        if exchange.path == "/messages/delete":
            keys.append((exchange.fields["idempotency-key"], exchange.sent))
            if left:
                left.pop()
                exchange.close = True

    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.twist = twist
    assert client.command("QUIT").startswith(b"+OK")
    assert len(keys) == times + 1
    assert len(set(keys)) == 1
    assert scene.left == [CORPUS[1]]


def test_an_answer_that_forgets_an_id_has_kept_it(scene):
    def twist(exchange):
        if exchange.path == "/messages/delete":
            answer = exchange.json
            answer["destroyed"] = answer["destroyed"][:1]
            exchange.json = answer

    client = scene.login()
    client.ok("DELE 1")
    client.ok("DELE 3")
    scene.proxy.twist = twist
    assert client.command("QUIT") == replies.PARTIAL_COMMIT


def test_an_answer_that_names_others_changes_nothing(scene):
    def twist(exchange):
        if exchange.path == "/messages/delete":
            answer = exchange.json
            answer["destroyed"] += ["another", scene.server.listed()[0]["id"]]
            exchange.json = answer

    client = scene.login()
    client.ok("DELE 1")
    scene.proxy.twist = twist
    assert client.command("QUIT").startswith(b"+OK")
    assert scene.left == CORPUS[1:]
    scene.is_well_again()


def test_a_lock_that_is_lost_or_not_given_back_ends_nothing(scene):
    def before(exchange):
        if exchange.method in {"PUT", "DELETE"}:
            exchange.problem(404, "lock-unknown")

    client = scene.login()
    scene.proxy.before = before
    assert retrieve(client, 1) == ("whole", CORPUS[0])
    assert client.quit().startswith(b"+OK")
    scene.server.restart()  # the lock that nobody gave back
    scene.is_well_again()
