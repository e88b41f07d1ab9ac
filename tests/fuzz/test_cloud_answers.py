"""Whatever Graph and Gmail answer, it is understood or refused, and never a traceback."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from gateway.backend.gmail.decode import RawMessage
from gateway.backend.gmail.faults import explained
from gateway.backend.gmail.history import Changes, Unclear
from gateway.backend.graph import batch
from gateway.backend.graph.delta import Round
from gateway.backend.http.decode import Undecodable
from gateway.errors import Unavailable

NAMES = st.sampled_from(
    [
        *("value", "id", "@removed", "receivedDateTime", "@odata.nextLink", "@odata.deltaLink"),
        *("responses", "status", "headers", "body", "error", "code", "Retry-After"),
        *("history", "historyId", "nextPageToken", "messages", "messagesAdded", "labelIds"),
        *("messagesDeleted", "labelsAdded", "labelsRemoved", "message", "threadId"),
    ]
)
WORDS = st.sampled_from(
    ["INBOX", "TRASH", "1", "0", "a", "", "2026-01-01T00:00:00Z", "ErrorItemNotFound"]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=30,
)


@given(st.lists(VALUES, max_size=4))
def test_delta_pages(pages):
    found = Round()
    with contextlib.suppress(Unavailable):
        for page in pages:
            following = found.add(page)
            assert bool(following) != bool(found.link)
    assert all(isinstance(name, str) and name for name in (*found.received, *found.removed))
    assert all(type(time) is int and time >= -1 for time in found.received.values())


@given(VALUES, st.integers(0, 5))
def test_batches(answer, count):
    with contextlib.suppress(Unavailable):
        parts = batch.outcomes(answer, count)
        assert len(parts) == count
        for part in parts:
            assert not (part.done and part.gone)
            assert part.retry_after is None or part.retry_after >= 0


@given(st.lists(VALUES, max_size=4))
def test_history(pages):
    changes = Changes()
    with contextlib.suppress(Unavailable, Unclear):
        for page in pages:
            assert isinstance(changes.add(page), str)
    assert not set(changes.came) & changes.left


@given(st.integers(100, 599), st.binary(max_size=200))
def test_refusals(status, body):
    explained(status, body, by_name=True)


@given(st.lists(st.binary(max_size=40) | st.just(b'{"raw": "') | st.just(b'"}'), max_size=8))
def test_raw_messages(chunks):
    decoder = RawMessage()
    with contextlib.suppress(Undecodable):
        for chunk in chunks:
            decoder.feed(chunk)
        decoder.finish()
