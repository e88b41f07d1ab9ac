"""AUTHORIZATION: USER and PASS, AUTH in all its forms, STLS, and nothing of TRANSACTION."""

import base64

import pytest
from pydantic import SecretBytes

from gateway.accounts.sasl_scram import make_verifier
from gateway.accounts.sasl_table import MECHANISMS
from gateway.errors import BadCredentials, Unavailable
from gateway.maildrop import Digest, ScramVerifier
from gateway.pop3 import replies
from gateway.pop3.events import (
    AskVerifier,
    Close,
    Open,
    OpenFailed,
    Send,
    StartTls,
    TlsStarted,
    VerifierFailed,
    VerifierTold,
    Wait,
    Waited,
)
from gateway.pop3.offer import Offer
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


@pytest.mark.parametrize("octet", [b"\0", b"\r", b"\n"])
def test_a_name_or_a_password_of_two_lines_is_never_shown_to_anybody(octet):
    for user, password in ((b"mr%bose" % octet, b"x"), (b"mrose", b"secret%b" % octet)):
        response = base64.b64encode(b"\0%b\0%b" % (user, password))
        assert Playbook().ask(b"AUTH PLAIN " + response) == replies.BAD_RESPONSE
        book = Playbook()
        book.say(b"AUTH LOGIN " + base64.b64encode(user))
        assert book.ask(base64.b64encode(password)) == replies.BAD_RESPONSE


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


# ---- what is on offer

EVERYTHING = Offer(tuple(MECHANISMS), apop=True)
FIRST = base64.b64encode(b"n,,n=mrose,r=abc")
VERIFIER = make_verifier("printer", SecretBytes(b"secret"), b"salt of a test..")


def test_the_timestamp_of_the_greeting_is_the_challenge_of_apop():
    book = Playbook(offer=EVERYTHING)
    assert sent(book.seen) == b"+OK POP3 ready <fresh-1@pop3-gateway>\r\n"
    digest = b"c4c9334bac560ecc979e58001b3e22fb"
    assert book.say(b"APOP mrose " + digest) == [
        Open(b"mrose", Digest("apop", b"<fresh-1@pop3-gateway>", digest))
    ]


def test_the_timestamp_is_good_for_apop_after_stls():
    book = Playbook(offer=EVERYTHING, tls=True)
    book.start_tls()
    (effect,) = book.say(b"APOP mrose " + b"0" * 32)
    assert effect.proof.challenge == b"<fresh-1@pop3-gateway>"


def test_apop_that_is_not_on_offer_is_an_unknown_command():
    assert Playbook().ask(b"APOP mrose " + b"0" * 32) == BAD_COMMAND


def test_every_exchange_of_cram_md5_has_a_challenge_of_its_own():
    book = Playbook(offer=EVERYTHING)
    first, second = book.ask(b"AUTH CRAM-MD5"), None
    book.ask(b"*")
    second = book.ask(b"AUTH CRAM-MD5")
    assert first != second


def test_scram_asks_for_the_verifier():
    book = Playbook(offer=EVERYTHING)
    assert book.say(b"AUTH SCRAM-SHA-256 " + FIRST) == [AskVerifier(b"mrose")]
    assert book.say(b"NOOP") == []
    assert sent(book.tell(VerifierTold(VERIFIER))).startswith(b"+ ")


def test_a_verifier_that_cannot_be_used_ends_the_exchange():
    book = Playbook(offer=EVERYTHING)
    book.say(b"AUTH SCRAM-SHA-256 " + FIRST)
    broken = ScramVerifier("", b"short", 1, b"", b"")
    assert sent(book.tell(VerifierTold(broken))) == replies.BAD_RESPONSE
    assert book.say(b"USER mrose") == [Send(replies.SEND_PASSWORD)]


def test_a_directory_that_does_not_answer_is_a_failed_login():
    book = Playbook(offer=EVERYTHING, max_failed_logins=2)
    book.say(b"AUTH SCRAM-SHA-256 " + FIRST)
    unavailable = replies.FAILURES[Unavailable].reply
    assert sent(book.tell(VerifierFailed(Unavailable()))) == unavailable
    book.say(b"AUTH SCRAM-SHA-256 " + FIRST)
    assert kinds(book.tell(VerifierFailed(BadCredentials(wait=7)))) == [Wait]
    assert kinds(book.tell(Waited())) == [Send, Close]


def test_a_client_that_leaves_before_the_verifier_comes():
    book = Playbook(offer=EVERYTHING)
    book.say(b"AUTH SCRAM-SHA-256 " + FIRST)
    assert book.lose() == []
    assert book.tell(VerifierTold(VERIFIER)) == []
    book.check_end()


@pytest.mark.parametrize(
    ("delay", "wait", "seconds"), [(2, 0, 2), (2, 7.5, 7.5), (0, 1, 1), (3, 1, 3)]
)
def test_the_longer_of_two_waits(delay, wait, seconds):
    book = Playbook(failed_login_delay=delay)
    book.say(b"USER mrose", b"PASS wrong")
    assert book.tell(OpenFailed(BadCredentials("x", wait))) == [Wait(seconds)]
    assert sent(book.tell(Waited())) == b"-ERR [AUTH] Wrong name or password\r\n"


def test_the_reason_of_a_refused_token_comes_after_the_wait():
    book = Playbook(offer=EVERYTHING, failed_login_delay=2)
    token = base64.b64encode(b"user=me\x01auth=Bearer abc\x01\x01")
    book.say(b"AUTH XOAUTH2 " + token)
    assert book.tell(OpenFailed(BadCredentials())) == [Wait(2)]
    assert sent(book.tell(Waited())).startswith(b"+ ")
    assert book.ask(b"") == b"-ERR [AUTH] Wrong name or password\r\n"


def test_a_refused_token_does_not_speak_for_the_next_login():
    book = Playbook(offer=EVERYTHING)
    token = base64.b64encode(b"user=me\x01auth=Bearer abc\x01\x01")
    book.say(b"AUTH XOAUTH2 " + token)
    book.tell(OpenFailed(BadCredentials()))
    book.ask(b"")
    book.say(b"USER mrose", b"PASS wrong")
    assert sent(book.tell(OpenFailed(BadCredentials()))).startswith(b"-ERR [AUTH]")


def test_passwords_in_clear_are_refused_until_there_is_tls():
    book = Playbook(offer=Offer(clear=False), tls=True)
    assert book.ask(b"USER mrose") == replies.NO_CLEAR_PASSWORD
    assert book.ask(b"PASS secret") == replies.NO_CLEAR_PASSWORD
    assert book.ask(b"AUTH PLAIN " + PLAIN) == replies.NO_CLEAR_PASSWORD
    assert b"USER" not in book.ask(b"CAPA")
    assert b"SASL" not in book.ask(b"CAPA")
    book.start_tls()
    assert b"\r\nUSER\r\nSASL PLAIN LOGIN\r\n" in book.ask(b"CAPA")
    assert book.say(b"AUTH PLAIN " + PLAIN) == OPEN


def test_refused_passwords_are_counted_as_bad_commands():
    book = Playbook(offer=Offer(clear=False), max_bad_commands_before_login=2)
    assert book.ask(b"USER mrose") == replies.NO_CLEAR_PASSWORD_NOR_TLS
    assert kinds(book.say(b"USER mrose"))[-1] is Close


def test_tls_from_the_start_needs_no_leave():
    book = Playbook(offer=Offer(clear=False), tls=True, secure=True)
    assert book.ask(b"USER mrose") == replies.SEND_PASSWORD
