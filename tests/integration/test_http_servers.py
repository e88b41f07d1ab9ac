"""What the real HTTP mail servers do: the facts that the profiles for them rest on."""

import pytest

from tests.support.mail import realistic_mix
from tests.support.maildev import MailDev

LETTERS = realistic_mix(12, seed=3)
LF_FORM = [letter.replace(b"\r\n", b"\n").rstrip(b"\n") for letter in LETTERS]


def full_lines(message):
    return [line for line in message.split(b"\r\n") if line]


def fill(server):
    server.clear()
    for letter in LETTERS:
        server.deliver(letter)


class TestMailDev:
    @pytest.fixture(autouse=True)
    def full(self, maildev):
        fill(maildev)
        yield
        maildev.clear()

    def test_gives_each_message_as_it_came(self, maildev):
        assert [maildev.raw(row) for row in maildev.list()] == LETTERS

    def test_says_500_when_a_message_is_not_there_to_delete(self, maildev):
        row = maildev.list()[0]
        assert [maildev.remove(row), maildev.remove(row)] == [200, 500]
        assert maildev.request("GET", f"/email/{row['id']}/source")[0] == 404


def test_maildev_takes_one_word_for_all_messages():
    with MailDev() as server:
        server.deliver(LETTERS[0])
        assert server.request("DELETE", "/email/all") == (200, b"true")


class TestMailDump:
    @pytest.fixture(autouse=True)
    def full(self, maildump):
        fill(maildump)
        yield
        maildump.clear()

    def test_gives_lf_line_ends_and_takes_the_last_one_off(self, maildump):
        rows = maildump.list()
        assert [maildump.raw(row) for row in rows] == LF_FORM
        assert [row["size"] for row in rows] == [len(form) for form in LF_FORM]

    def test_gives_a_number_again_when_the_last_message_was_deleted(self, maildump):
        last = maildump.list()[-1]
        assert [maildump.remove(last), maildump.remove(last)] == [204, 404]
        maildump.deliver(LETTERS[0])
        assert maildump.list()[-1]["id"] == last["id"]


@pytest.fixture(scope="module")
def user(wildduck):
    wildduck.add_user("facts", "secretsecret")
    wildduck.deliver_many("facts", LETTERS)
    return "facts"


class TestWildDuck:
    def test_messages_differ_in_empty_lines_and_sizes_do_not_follow(self, wildduck, user):
        rows = wildduck.list(user)
        raws = [wildduck.raw(user, row) for row in rows]
        assert raws != LETTERS
        assert list(map(full_lines, raws)) == list(map(full_lines, LETTERS))
        assert [row["size"] for row in rows] == list(map(len, LETTERS))

    def test_a_deleted_message_is_not_found(self, wildduck, user):
        wildduck.deliver(user, LETTERS[0])
        row = wildduck.list(user)[-1]
        assert [wildduck.remove(user, row), wildduck.remove(user, row)] == [200, 404]

    def test_a_call_without_a_token_is_refused(self, wildduck):
        none = {"X-Access-Token": ""}
        assert wildduck.request("GET", "/users/me", headers=none)[0] == 403

    def test_a_wrong_password_is_403(self, wildduck, user):
        login = {"username": user, "password": "wrong", "scope": "master", "token": True}
        assert wildduck.request("POST", "/authenticate", login)[0] == 403
