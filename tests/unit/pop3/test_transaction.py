"""TRANSACTION: what each command answers, and what marks do to it."""

import pytest

from gateway.maildrop import CommitPlan
from gateway.pop3 import replies
from gateway.pop3.events import BodyDone, Close, Commit, Release, Send, SendBody, SendListing
from tests.unit.pop3.playbook import Playbook, kinds

NONE = replies.NO_SUCH_MESSAGE
BAD_COMMAND = b"-ERR Unknown command or wrong arguments\r\n"


@pytest.fixture
def book():
    return Playbook(120, 200, 3).login()


def test_stat(book):
    assert book.ask(b"STAT") == b"+OK 3 323\r\n"


def test_list_and_uidl(book):
    listing = b"+OK 3 messages (323 octets)\r\n1 120\r\n2 200\r\n3 3\r\n.\r\n"
    assert book.ask(b"LIST") == listing
    assert book.ask(b"UIDL") == b"+OK Done\r\n1 7.1\r\n2 7.2\r\n3 7.3\r\n.\r\n"
    assert book.ask(b"LIST 2") == b"+OK 2 200\r\n"
    assert book.ask(b"UIDL 2") == b"+OK 2 7.2\r\n"


def test_retr_and_top_ask_for_the_body(book):
    assert book.say(b"RETR 2") == [SendBody("ref-2", 200, None)]
    book.tell(BodyDone())
    assert book.say(b"TOP 3 10") == [SendBody("ref-3", 3, 10)]
    book.tell(BodyDone())
    assert book.say(b"TOP 1 0") == [SendBody("ref-1", 120, 0)]


def test_noop(book):
    assert book.ask(b"NOOP") == replies.DONE


@pytest.mark.parametrize("number", [b"0", b"4", b"00000000", b"9999999999"])
@pytest.mark.parametrize("verb", [b"LIST %b", b"UIDL %b", b"RETR %b", b"DELE %b", b"TOP %b 0"])
def test_number_out_of_range(book, verb, number):
    assert book.ask(verb % number) == NONE


@pytest.mark.parametrize("number", [b"-1", b"+1", b"1.0", b"x", b"99999999999", b"1 2 3"])
@pytest.mark.parametrize("verb", [b"LIST %b", b"UIDL %b", b"RETR %b", b"DELE %b", b"TOP %b 0"])
def test_what_is_no_number(book, verb, number):
    assert book.ask(verb % number) == BAD_COMMAND


def test_missing_message_is_no_bad_command():
    """A client that works from an old list must not be thrown out."""
    book = Playbook(1, max_bad_commands=1, max_bad_commands_before_login=1).login()
    for _ in range(50):
        assert book.ask(b"RETR 99") == NONE


@pytest.mark.parametrize("verb", [b"LIST 2", b"UIDL 2", b"RETR 2", b"TOP 2 0", b"DELE 2"])
def test_marked_message_is_not_there(book, verb):
    assert book.ask(b"DELE 2") == b"+OK Message 2 marked as deleted\r\n"
    assert book.ask(verb) == replies.MARKED


def test_marks_count_off_and_numbers_stay(book):
    book.ask(b"DELE 1")
    assert book.ask(b"STAT") == b"+OK 2 203\r\n"
    assert book.ask(b"LIST") == b"+OK 2 messages (203 octets)\r\n2 200\r\n3 3\r\n.\r\n"
    assert book.ask(b"UIDL") == b"+OK Done\r\n2 7.2\r\n3 7.3\r\n.\r\n"
    assert book.ask(b"LIST 3") == b"+OK 3 3\r\n"


def test_rset_takes_all_marks_back(book):
    book.say(b"DELE 1", b"DELE 3")
    assert book.ask(b"RSET") == b"+OK Maildrop has 3 messages (323 octets)\r\n"
    assert book.ask(b"STAT") == b"+OK 3 323\r\n"
    assert book.say(b"QUIT") == [Send(replies.GOODBYE), Release(), Close()]


def test_mark_again_after_rset(book):
    book.say(b"DELE 1", b"RSET", b"DELE 1")
    assert book.ask(b"STAT") == b"+OK 2 203\r\n"


@pytest.mark.parametrize(
    "line", [b"USER a", b"PASS b", b"AUTH", b"AUTH PLAIN", b"AUTH PLAIN AGEAYg==", b"STLS"]
)
def test_commands_of_authorization_are_refused(book, line):
    assert book.ask(line) == replies.WRONG_STATE_AFTER_LOGIN


def test_capa_without_stls():
    book = Playbook(tls=True).login()
    answer = book.ask(b"CAPA")
    assert b"STLS\r\n" not in answer
    assert b"SASL PLAIN LOGIN\r\n" in answer


def test_quit_without_marks_has_nothing_to_commit(book):
    assert book.say(b"QUIT") == [Send(replies.GOODBYE), Release(), Close()]


def test_quit_with_marks_commits_them_and_nothing_else(book):
    book.say(b"DELE 3", b"DELE 1")
    assert book.say(b"QUIT") == [Commit(CommitPlan("7", ("ref-1", "ref-3")))]


def test_empty_maildrop():
    book = Playbook().login()
    assert book.seen[-1] == Send(b"+OK Maildrop has 0 messages (0 octets)\r\n")
    assert book.ask(b"STAT") == b"+OK 0 0\r\n"
    assert book.ask(b"LIST") == b"+OK 0 messages (0 octets)\r\n.\r\n"
    assert book.ask(b"UIDL") == b"+OK Done\r\n.\r\n"
    assert book.ask(b"RETR 1") == NONE


def test_message_of_no_octets_is_a_message():
    book = Playbook(0).login()
    assert book.ask(b"LIST 1") == b"+OK 1 0\r\n"
    assert kinds(book.say(b"RETR 1")) == [SendBody]


def test_listing_is_sent_in_pieces():
    book = Playbook(*range(2500)).login()
    *_, listing = book.say(b"LIST")
    assert isinstance(listing, SendListing)
    assert len(list(listing.pieces)) == 3


def test_sum_passes_the_32_bit_border():
    assert Playbook(2**32, 2**32).login().ask(b"STAT") == b"+OK 2 8589934592\r\n"
