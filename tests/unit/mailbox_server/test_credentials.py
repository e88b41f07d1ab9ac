"""Who may have the mailbox."""

import base64

import pytest

from gateway.mailbox_server.credentials import Credentials
from gateway.mailbox_server.problems import Problem

BOTH = Credentials("alice", b"pass:word", (b"token1", b"token2"))


def basic(pair):
    return b"Basic " + base64.b64encode(pair)


@pytest.mark.parametrize(
    "header",
    [
        basic(b"alice:pass:word"),
        basic(b"alice:pass:word").replace(b"Basic", b"bAsIc"),
        b"Bearer token1",
        b"bearer  token2 ",
    ],
)
def test_right_ones_pass(header):
    BOTH.check(header)


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"Basic",
        b"Basic ***",
        basic(b"alice"),
        basic(b"alice:"),
        basic(b"alice:password"),
        basic(b"bob:pass:word"),
        basic(b":"),
        b"Bearer",
        b"Bearer token",
        b"Digest alice",
        b"Bearer " + b"x" * 10_000,
    ],
)
def test_all_others_are_401(header):
    with pytest.raises(Problem) as raised:
        BOTH.check(header)
    assert raised.value.status == 401
    assert raised.value.headers["WWW-Authenticate"].startswith("Basic ")


def test_without_a_password_not_even_the_empty_one_passes():
    tokens = Credentials("alice", None, (b"t",))
    with pytest.raises(Problem) as raised:
        tokens.check(basic(b"alice:"))
    assert raised.value.headers["WWW-Authenticate"].startswith("Bearer ")


def test_secrets_are_not_shown():
    assert "word" not in repr(BOTH)
    assert "token" not in repr(BOTH).replace("tokens", "")
