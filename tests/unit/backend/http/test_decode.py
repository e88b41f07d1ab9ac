"""From a response to a message, however it is cut."""

import json
from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.http.decode import LineFeeds, Undecodable
from gateway.backend.http.json_field import JsonField


def fed(decoder, octets, step):
    cut = [octets[start : start + step] for start in range(0, len(octets), step)]
    return b"".join(map(decoder.feed, cut)) + decoder.finish()


@given(st.text("ab\r\n.").map(str.encode), st.integers(1, 9))
def test_every_line_feed_gets_its_return_and_nothing_else_changes(octets, step):
    decoded = fed(LineFeeds(), octets, step)
    assert decoded.replace(b"\r\n", b"\n") == octets.replace(b"\r\n", b"\n")
    assert decoded.count(b"\n") == decoded.count(b"\r\n")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from(['"raw": "QQ"', "raw"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("raw"), inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=200),
    st.dictionaries(st.text().filter(lambda name: name != "raw"), JSON),
    st.integers(1, 50),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_the_field_and_no_other_is_decoded(octets, others, step, padded, indent):
    text = urlsafe_b64encode(octets).decode()
    document = {**others, "raw": text if padded else text.rstrip("="), "last": "raw"}
    answer = json.dumps(document, indent=indent).replace("=", "\\u003d").encode()
    assert fed(JsonField("raw"), answer, step) == octets


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"null",
        b"[]",
        b'"raw"',
        b"{}",
        b'{"raw": 1}',
        b'{"raw": null}',
        b'{"raw": "QUFB"',
        b'{"raw": "QUF',
        b'{"raw": "QUFBQ"}',
        b'{"raw": "QU B"}',
        b'{"raw": "QQ==QUFB"}',
        b'{"raw": "QQ\\u00e4"}',
        b'{"raw": "QQ\\uzzzz"}',
        b'{"raw": "QUFB", "raw": "QUFB"}',
        b'{"a": {"raw": "QUFB"}}',
        b'{"raw": {"raw": "QUFB"}}',
        b'{"raw": ["QUFB"]}',
        b'{"raw": "QUFB"}]',
        b'{"raw": "QUFB"}{}',
        b"{" * 1000,
    ],
)
@pytest.mark.parametrize("step", [1, 3, 1000])
def test_anything_else_is_no_message(answer, step):
    with pytest.raises(Undecodable):
        fed(JsonField("raw"), answer, step)
