import json
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.http.decode import AsIs, LineFeeds, Undecodable
from gateway.backend.profile.schema import Raw
from gateway.backend.profile.unpack import Base64, decoder

CUTS = st.sampled_from([1, 2, 3, 5, 1000])


def run(made, octets, cut):
    found = b"".join(made.feed(octets[at : at + cut]) for at in range(0, len(octets), cut))
    return found + made.finish()


def raw(encoding, newlines="crlf"):
    at = None if encoding == "octets" else "/a/0"
    return Raw(url="/{id}", encoding=encoding, at=at, newlines=newlines)


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def answer(text):
    return json.dumps({"x": [1], "a": [text]}).encode()


@given(st.binary(max_size=80), CUTS, st.booleans(), st.sampled_from(["crlf", "lf", "mixed"]))
def test_base64_in_json(message, cut, padded, newlines):
    for encoding, encode in (("base64url", urlsafe_b64encode), ("base64", b64encode)):
        text = encode(message).decode()
        octets = answer(text if padded else text.rstrip("="))
        expected = message if newlines == "crlf" else crlf(message)
        assert run(decoder(raw(encoding, newlines))(), octets, cut) == expected


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), CUTS)
def test_text_in_json(message, cut):
    made = decoder(raw("json-text"))()
    assert run(made, answer(message), cut) == message.encode()


def test_base64_with_line_ends():
    made = decoder(raw("base64"))()
    assert run(made, answer("aGVs\r\nbG8\n="), 4) == b"hello"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("base64", "a"),
        ("base64", "aGVsbG8=aGVs"),
        ("base64", "aG=VsbG8"),
        ("base64", "aGVsb!8="),
        ("base64", "aGVs-_8="),
        ("base64url", "aGVs+/8="),
        ("base64", "aGVsbG8=="),
        ("base64", "aGVs===="),
        ("base64", "="),
        ("base64", "aGVsbG9="),
        ("base64", "a b="),
        ("base64", "é"),
    ],
)
@pytest.mark.parametrize("cut", [1, 1000])
def test_base64_that_is_none_is_refused(encoding, text, cut):
    with pytest.raises(Undecodable):
        run(decoder(raw(encoding))(), answer(text), cut)


@given(st.text(max_size=30), CUTS)
def test_any_text_is_base64_or_refused(text, cut):
    try:
        made = Base64("base64")
        octets = b"".join(made.feed(text[at : at + cut]) for at in range(0, len(text), cut))
        octets += made.finish()
    except Undecodable:
        return
    stripped = text.replace("\r", "").replace("\n", "").rstrip("=")
    assert b64encode(octets).decode().rstrip("=") == stripped


def test_octets_need_no_decoder():
    assert decoder(raw("octets")) is AsIs
    assert decoder(raw("octets", "lf")) is LineFeeds
