"""What of an offer works with TLS and without."""

from gateway.accounts.sasl_table import IN_CLEAR, MECHANISMS
from gateway.pop3.offer import Means, Offer

EVERYTHING = tuple(MECHANISMS)


def test_everything_works_where_passwords_may_come_in_clear():
    offer = Offer(EVERYTHING, apop=True)
    assert offer.now(secure=False) == offer
    assert offer.now(secure=True) == offer


def test_without_tls_only_what_shows_no_secret():
    offer = Offer(EVERYTHING, apop=True, clear=False)
    assert offer.now(secure=False) == Offer((b"SCRAM-SHA-256", b"CRAM-MD5"), True, False)
    assert offer.now(secure=True) == Offer(EVERYTHING, apop=True)


def test_those_that_show_a_secret_are_all_known():
    assert set(EVERYTHING) > IN_CLEAR


def test_repr_has_no_source_of_challenges():
    assert "fresh" not in repr(Means(Offer(), lambda: b"x"))
