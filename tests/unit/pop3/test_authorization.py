"""AUTHORIZATION: USER and PASS, AUTH in all its forms, STLS, and nothing of TRANSACTION."""

import base64

import pytest
from pydantic import SecretBytes

from gateway.errors import BadCredentials
from gateway.pop3 import replies
from gateway.pop3.events import Close, Open, OpenFailed, Send, StartTls, TlsStarted
from tests.unit.pop3.playbook import Playbook, kinds, sent

PLAIN = base64.b64encode(b"\0mrose\0secret")
OPEN = [Open(b"mrose", SecretBytes(b"secret"))]
BAD_COMMAND = b"-ERR Unknown command or wrong arguments\r\n"


def test_user_then_pass_asks_for_the_maildrop():
    book = Playbook()
    assert book.ask(b"USER mrose") == replies.SEND_PASSWORD
    assert book.say(b"PASS secret") == OPEN


def test_every_name_gets_the_same_answer():
    assert Playbook().ask(b"USER root") == Playbook().ask(b"USER nobody \xff")


def test_second_user_replaces_the_first():
    book = Playbook()
    book.say(b"USER other", b"USER mrose")
    assert book.say(b"PASS secret") == OPEN


def test_pass_without_user_is_refused():
    assert Playbook().ask(b"PASS secret") == replies.USER_FIRST


def test_pass_uses_the_name_up():
    book = Playbook()
    book.say(b"USER mrose", b"PASS wrong")
    book.tell(OpenFailed(BadCredentials()))
    assert book.ask(b"PASS secret") == replies.USER_FIRST


def test_bad_pass_leaves_the_name():
    book = Playbook()
    book.say(b"USER mrose")
    assert book.ask(b"PASS") == BAD_COMMAND
    assert book.say(b"PASS secret") == OPEN


@pytest.mark.parametrize("line", [b"PASS  secret ", b"PASS \xff\xfe", b"PASS "])
def test_password_is_every_octet_after_the_one_blank(line):
    book = Playbook()
    book.say(b"USER mrose")
    (effect,) = book.say(line)
    assert effect.proof.get_secret_value() == line[5:]


def test_auth_plain_with_initial_response():
    assert Playbook().say(b"AUTH PLAIN " + PLAIN) == OPEN


def test_auth_plain_with_a_continuation():
    book = Playbook()
    assert book.ask(b"AUTH PLAIN") == b"+ \r\n"
    assert book.say(PLAIN) == OPEN


def test_auth_login():
    book = Playbook()
    assert book.ask(b"AUTH LOGIN") == b"+ VXNlcm5hbWU6\r\n"
    assert book.ask(base64.b64encode(b"mrose")) == b"+ UGFzc3dvcmQ6\r\n"
    assert book.say(base64.b64encode(b"secret")) == OPEN


def test_auth_login_with_initial_response():
    book = Playbook()
    assert book.ask(b"auth login " + base64.b64encode(b"mrose")) == b"+ UGFzc3dvcmQ6\r\n"
    assert book.say(base64.b64encode(b"secret")) == OPEN


def test_empty_responses():
    assert Playbook().ask(b"AUTH PLAIN =") == replies.BAD_RESPONSE
    book = Playbook()
    assert book.ask(b"AUTH LOGIN =") == b"+ UGFzc3dvcmQ6\r\n"
    assert book.ask(b"") == replies.BAD_RESPONSE


@pytest.mark.parametrize("line", [b"AUTH", b"AUTH ", b"auth"])
def test_auth_alone_lists_the_mechanisms(line):
    assert Playbook().ask(line) == replies.CAPABILITIES + b"PLAIN\r\nLOGIN\r\n.\r\n"


@pytest.mark.parametrize("name", [b"CRAM-MD5", b"NTLM", b"\xff", b"PLAIN2"])
def test_other_mechanisms_are_refused(name):
    assert Playbook().ask(b"AUTH " + name) == replies.UNKNOWN_MECHANISM


@pytest.mark.parametrize("mechanism", [b"PLAIN", b"LOGIN"])
def test_star_cancels_and_is_no_bad_command(mechanism):
    book = Playbook(max_bad_commands_before_login=1)
    book.say(b"AUTH " + mechanism)
    assert book.ask(b"*") == replies.CANCELLED
    assert book.ask(b"USER mrose") == replies.SEND_PASSWORD


@pytest.mark.parametrize("line", [b"QUIT", b"not base64!", b"\xff", b" " + PLAIN, b"AAAA"])
def test_wrong_response_ends_the_exchange(line):
    book = Playbook()
    book.say(b"AUTH PLAIN")
    assert book.ask(line) == replies.BAD_RESPONSE
    assert book.ask(b"USER mrose") == replies.SEND_PASSWORD


def test_line_too_long_ends_the_exchange():
    book = Playbook(max_credentials_line=300)
    book.say(b"AUTH PLAIN")
    assert book.ask(b"A" * 300) == replies.LINE_TOO_LONG
    assert book.ask(b"USER mrose") == replies.SEND_PASSWORD


def test_response_gets_the_limit_of_credentials():
    secret = b"x" * 6000
    book = Playbook()
    book.say(b"AUTH PLAIN")
    (effect,) = book.say(base64.b64encode(b"\0mrose\0" + secret))
    assert effect.proof.get_secret_value() == secret


@pytest.mark.parametrize(
    "line",
    [b"STAT", b"LIST", b"LIST 1", b"UIDL", b"RETR 1", b"TOP 1 1", b"DELE 1", b"NOOP", b"RSET"],
)
def test_commands_of_transaction_are_refused(line):
    assert Playbook().ask(line) == replies.WRONG_STATE_BEFORE_LOGIN


def test_quit_closes_without_release_or_commit():
    assert Playbook().say(b"QUIT") == [Send(replies.GOODBYE), Close()]


def test_capa_offers_stls_until_tls_is_active():
    assert b"STLS\r\n" not in Playbook().ask(b"CAPA")
    assert b"STLS\r\n" not in Playbook(tls=True, secure=True).ask(b"CAPA")
    book = Playbook(tls=True)
    assert b"STLS\r\n" in book.ask(b"CAPA")
    book.start_tls()
    assert b"STLS\r\n" not in book.ask(b"CAPA")


def test_stls():
    assert Playbook(tls=True).say(b"STLS") == [Send(replies.BEGIN_TLS), StartTls()]
    assert Playbook().ask(b"STLS") == replies.NO_TLS
    assert Playbook(tls=True, secure=True).ask(b"STLS") == replies.TLS_ALREADY


def test_stls_twice_is_refused():
    book = Playbook(tls=True)
    book.start_tls()
    assert book.ask(b"STLS") == replies.TLS_ALREADY


def test_what_was_said_before_tls_is_forgotten():
    """Also the name, and what somebody in between has put behind STLS."""
    book = Playbook(tls=True)
    book.say(b"USER injected", b"STLS", b"PASS injected", b"half a li")
    assert book.go_on() == []
    assert book.tell(TlsStarted()) == []
    assert book.session.buffered == 0
    assert book.ask(b"PASS secret") == replies.USER_FIRST


def test_stls_inside_an_exchange_is_a_response():
    book = Playbook(tls=True)
    effects = book.say(b"AUTH PLAIN", b"STLS")
    assert kinds(effects) == [Send, Send]
    assert sent(effects).endswith(replies.BAD_RESPONSE)
