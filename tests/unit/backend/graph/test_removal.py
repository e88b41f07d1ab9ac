"""Removing with a caller that only notes what it is asked for."""

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from gateway.backend.graph.delta import Round
from gateway.backend.graph.removal import Inbox, Removal
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.settings import HttpSettings
from gateway.backend.http.slots import Slots
from gateway.telemetry import Emitter

INBOX = Inbox("me", "the inbox", "the link")


class Caller:
    """Answers batches with a status for each message; counts the places they take."""

    def __init__(self, **statuses):
        self.slots = Slots(4)
        self.settings = HttpSettings(retry_after=3)
        self.reactor = Clock()
        self.statuses = statuses
        self.sent = []

    async def json(self, method, target, *, send):
        await self.slots.take()  # as the real one does
        assert self.slots.free == 0
        self.slots.give()
        self.sent.append([(part["method"], part["url"]) for part in send["requests"]])
        return {"responses": [self._answer(part) for part in send["requests"]]}

    def _answer(self, part):
        name = part["url"].split("/messages/")[1].partition("/")[0].partition("?")[0]
        status, body, headers = self.statuses.get(name, (201, {}, {}))
        if isinstance(status, list):
            status = status.pop(0) if len(status) > 1 else status[0]
        return {"id": part["id"], "status": status, "body": body, "headers": headers}


@pytest.fixture
def events():
    return []


def removal(caller, events, **settings):
    emit = Emitter(lambda event, context: events.append(event))
    return Removal(caller, GraphSettings(**settings), emit, INBOX)


def running(deed):
    return Deferred.fromCoroutine(deed)


async def nothing_changed(inbox):
    assert inbox == INBOX
    return Round()


def test_a_batch_waits_until_it_is_alone(events):
    caller = Caller()
    caller.slots.take()  # somebody reads a message
    done = running(removal(caller, events).remove(["a", "b"], nothing_changed))
    assert caller.sent == []
    caller.slots.give()
    assert done.result == {"a", "b"}
    assert caller.sent == [
        [(("POST"), f"/me/mailFolders/inbox/messages/{name}/move") for name in "ab"]
    ]
    assert caller.slots.free == 4


def test_who_gives_up_while_it_waits_gives_its_places_back(events):
    caller = Caller()
    caller.slots.take()
    done = running(removal(caller, events).remove(["a"], nothing_changed))
    done.addErrback(lambda _: None)
    done.cancel()
    caller.slots.give()
    assert caller.slots.free == 4
    assert caller.sent == []


def test_asks_for_changes_once_and_doubts_what_it_tried(events):
    asked = []

    def changes(inbox):
        asked.append(inbox.link)
        return succeed(Round())

    caller = Caller()
    deed = removal(caller, events)
    assert running(deed.remove(["a"], changes)).result == {"a"}
    caller.statuses["a"] = (200, {"parentFolderId": "deleted"}, {})
    assert running(deed.remove(["a"], changes)).result == {"a"}
    assert asked == ["the link"]
    # The second time it is only looked for.
    assert [part[0][0] for part in caller.sent] == ["POST", "GET"]


def test_waits_as_long_as_it_is_told_and_no_longer(events):
    caller = Caller(a=([429, 201], {}, {"Retry-After": "2"}))
    done = running(removal(caller, events).remove(["a", "b"], nothing_changed))
    assert not done.called
    caller.reactor.advance(2)
    assert done.result == {"a", "b"}
    assert [len(parts) for parts in caller.sent] == [2, 1]

    caller = Caller(a=(429, {}, {"Retry-After": "4"}))
    done = running(removal(caller, events).remove(["a"], nothing_changed))
    assert done.result == set()
    assert [event.status for event in events] == [429]


def test_for_good(events):
    caller = Caller(a=(204, {}, {}))
    done = running(removal(caller, events, delete="permanent").remove(["a"], nothing_changed))
    assert done.result == {"a"}
    assert caller.sent[0][0][1].endswith("/messages/a/permanentDelete")


def test_ids_are_one_segment_each(events):
    caller = Caller()
    running(removal(caller, events).remove(["a/../b?c#d="], nothing_changed))
    assert caller.sent[0][0][1] == "/me/mailFolders/inbox/messages/a%2F..%2Fb%3Fc%23d%3D/move"
