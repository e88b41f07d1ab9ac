"""A message on its way: whole, slow, stopped, changed and broken."""

import os
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock, deferLater

from gateway.backend.embedded import body as body_module
from gateway.backend.embedded.driver import MaildirSizeCorrected
from gateway.backend.embedded.maildir import CHUNK
from gateway.errors import BodyBroken, MessageGone, Unavailable

LONG = b"a line of some length\n" * 30_000
LONG_OCTETS = len(LONG) + 30_000


def open_files():
    return {path.name for path in Path("/proc/self/fd").iterdir()}


async def only_body(box, backend=None):
    session, drop = await box.snapshot(backend)
    return session, session.body(drop.refs[0])


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"", b""),
        (b"a\nb", b"a\r\nb"),
        (b"x" * (CHUNK - 1) + b"\r\ny\n", b"x" * (CHUNK - 1) + b"\r\ny\r\n"),
        (b"x" * (CHUNK - 1) + b"\r\r\n", b"x" * (CHUNK - 1) + b"\r\r\n"),
        (b"x" * CHUNK + b"\n.\n", b"x" * CHUNK + b"\r\n.\r\n"),
        (LONG, LONG.replace(b"\n", b"\r\n")),
    ],
)
@pytest_twisted.ensureDeferred
async def test_delivered_octets_are_those_announced(box, sink, stored, sent):
    box.put("1.a", stored)
    session, drop = await box.snapshot()
    assert await session.body(drop.refs[0]).start(sink) == len(sent)
    assert sink.octets == sent
    assert sink.announced == drop.octets[0] == len(sent)
    assert max(map(len, sink.chunks), default=0) <= 2 * CHUNK


@pytest_twisted.ensureDeferred
async def test_each_slice_waits_for_its_own_turn_and_for_room(box, sink):
    box.put("1.a", LONG)
    backend = box.backend()
    _session, body = await only_body(box, backend)
    body._clock = clock = Clock()
    delivered = ensureDeferred(body.start(sink))
    assert len(sink.chunks) == 1
    body.pause()
    body.pause()
    clock.advance(0)
    clock.advance(0)
    assert len(sink.chunks) == 1
    body.resume()
    body.resume()
    assert len(sink.chunks) == 2
    while clock.getDelayedCalls():
        clock.advance(0)
    assert await delivered == LONG_OCTETS


@pytest_twisted.ensureDeferred
async def test_nothing_is_written_while_paused_from_the_start(box, sink):
    box.put("1.a", b"x\n")
    _session, body = await only_body(box)
    body.pause()
    delivered = ensureDeferred(body.start(sink))
    assert sink.announced == 3
    assert sink.chunks == []
    body.resume()
    assert await delivered == 3


@pytest.mark.parametrize("paused", [False, True])
@pytest_twisted.ensureDeferred
async def test_stop_ends_as_if_complete(box, sink, paused):
    box.put("1.a", LONG)
    _session, body = await only_body(box)

    def stop(_chunk):
        if paused:
            body.pause()
        body.stop()

    sink.on_write = stop
    assert await body.start(sink) == len(sink.octets) < LONG_OCTETS
    assert len(sink.chunks) == 1


@pytest_twisted.ensureDeferred
async def test_close_breaks_a_body_that_waits_and_leaves_no_descriptor(box, sink):
    box.put("1.a", LONG)
    session, body = await only_body(box)
    before = open_files()
    sink.on_write = lambda _chunk: body.pause()
    delivered = ensureDeferred(body.start(sink))
    from twisted.internet import reactor

    await deferLater(reactor, 0.01)
    await session.close()
    await session.close()
    with pytest.raises(BodyBroken, match="closed"):
        await delivered
    assert open_files() == before


@pytest_twisted.ensureDeferred
async def test_a_renamed_file_is_found(box, sink):
    path = box.put("1.a", b"x\n")
    session, drop = await box.snapshot()
    path.rename(box.directory / "cur" / "1.a:2,S")
    assert await session.body(drop.refs[0]).start(sink) == 3
    assert sink.announced == 3


@pytest_twisted.ensureDeferred
async def test_a_removed_file_is_gone(box, sink):
    path = box.put("1.a")
    _session, body = await only_body(box)
    path.unlink()
    with pytest.raises(MessageGone):
        await body.start(sink)
    assert sink.announced == "never"


@pytest_twisted.ensureDeferred
async def test_another_file_of_that_name_is_not_the_message(box, sink):
    path = box.put("1.a")
    _session, body = await only_body(box)
    path.unlink()
    box.put("1.a:2,", b"something else\n", place="cur")
    with pytest.raises(MessageGone):
        await body.start(sink)


@pytest_twisted.ensureDeferred
async def test_unknown_refs_are_gone(box, sink):
    session, _ = await box.snapshot()
    with pytest.raises(MessageGone):
        await session.body("9.z").start(sink)


@pytest_twisted.ensureDeferred
async def test_a_file_that_became_a_link_is_not_followed(box, sink):
    path = box.put("1.a")
    _session, body = await only_body(box)
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Unavailable):
        await body.start(sink)


@pytest_twisted.ensureDeferred
async def test_a_file_cut_short_on_the_way_is_broken(box, sink):
    path = box.put("1.a", LONG)
    _session, body = await only_body(box)
    sink.on_write = lambda _chunk: os.truncate(path, CHUNK)
    with pytest.raises(BodyBroken, match="lost its last"):
        await body.start(sink)


@pytest_twisted.ensureDeferred
async def test_a_file_that_grows_on_the_way_ends_where_it_ended(box, sink):
    path = box.put("1.a", LONG)
    _session, body = await only_body(box)

    def grow(_chunk):
        with path.open("ab") as file:
            file.write(b"more\n")

    sink.on_write = grow
    assert await body.start(sink) == LONG_OCTETS


@pytest_twisted.ensureDeferred
async def test_a_file_changed_since_login_announces_nothing(box, sink):
    path = box.put("1.a")
    _session, body = await only_body(box)
    path.write_bytes(b"changed\n")
    assert await body.start(sink) == 9
    assert sink.announced is None


@pytest.mark.parametrize(("good_reads", "failure"), [(0, Unavailable), (1, BodyBroken)])
@pytest_twisted.ensureDeferred
async def test_a_read_error(box, sink, monkeypatch, good_reads, failure):
    box.put("1.a", LONG)
    _session, body = await only_body(box)

    class Disk:
        reads = 0
        close = staticmethod(os.close)

        def read(self, descriptor, length):
            self.reads += 1
            if self.reads > good_reads:
                raise OSError(5, "Input/output error")
            return os.read(descriptor, length)

    monkeypatch.setattr(body_module, "os", Disk())
    with pytest.raises(failure, match="Input/output error"):
        await body.start(sink)
    assert (sink.announced == "never") == (good_reads == 0)


@pytest_twisted.ensureDeferred
async def test_a_size_that_lied_breaks_one_body_and_is_right_at_the_next_login(box, sink):
    box.put("1.a,S=2,W=2", b"x\n")
    backend = box.backend()
    _session, body = await only_body(box, backend)
    with pytest.raises(BodyBroken, match="announced 2 octets, the file has 3"):
        await body.start(sink)
    assert [type(event) for event in box.events] == [MaildirSizeCorrected]
    _session, drop = await box.snapshot(backend)
    assert list(drop.octets) == [3]


@pytest_twisted.ensureDeferred
async def test_a_size_that_lied_does_not_matter_to_whoever_had_enough(box, sink):
    box.put("1.a,S=2,W=2", b"x\n")
    _session, body = await only_body(box)
    sink.on_write = lambda _chunk: body.stop()
    assert await body.start(sink) == 3
    assert [type(event) for event in box.events] == [MaildirSizeCorrected]
