"""That the messages the tests are fed with are as awkward as their names say."""

import hashlib

import pytest

from tests.support.mail import CHUNK_EDGES, awkward, big, crlf_form, realistic_mix

CORPUS = awkward()
TOKENS = {"dot line": b"\r\n.", "CR|LF split": b"\r\n", "terminator": b"\r\n.\r\n"}


@pytest.mark.parametrize(("kind", "token"), TOKENS.items())
@pytest.mark.parametrize("edge", CHUNK_EDGES)
def test_tokens_lie_across_each_chunk_edge_in_every_way(kind, token, edge):
    messages = [message for name, message in CORPUS.items() if name.startswith(kind)]
    assert all(message == crlf_form(message) for message in messages)
    cuts = {
        edge - start
        for message in messages
        for start in range(edge - len(token), edge + 1)
        if message[start : start + len(token)] == token
    }
    assert cuts >= set(range(len(token) + 1))


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"", b""),
        (b"a\nb", b"a\r\nb"),
        (b"a\r\nb\n", b"a\r\nb\r\n"),
        (b"\n\n\r\n", b"\r\n\r\n\r\n"),
        (b"a\rb\r", b"a\rb\r"),
        (b"\r\r\n\n\r", b"\r\r\n\r\n\r"),
    ],
)
def test_crlf_form(stored, sent):
    assert crlf_form(stored) == sent


@pytest.mark.parametrize("octets", [0, 10, 1000, 100_001, 30_000_000])
def test_big_has_exactly_so_many_octets(octets):
    message = b"".join(big(octets))
    assert len(message) == octets
    assert crlf_form(message) == message
    assert (message.count(b"\n.") > 0) == (octets > 100)


def test_realistic_mix_is_the_same_every_time_and_varied():
    mix = realistic_mix(200, seed=3)
    digests = [
        hashlib.sha256(b"".join(box)).digest() for box in (mix, realistic_mix(200, seed=3))
    ]
    assert digests[0] == digests[1]
    assert mix != realistic_mix(200, seed=4)
    assert 300 < min(map(len, mix)) < 1000
    assert 100_000 < max(map(len, mix)) < 210_000
    assert all(crlf_form(message) == message for message in mix)
