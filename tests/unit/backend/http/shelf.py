"""A small mailbox API and its driver, for tests of what all HTTP mailboxes share."""

import pytest
from pydantic import SecretBytes

from gateway.backend.http.api import Listing, Raw, Row, Traits
from gateway.backend.http.driver import HttpBackend, make_room
from gateway.backend.http.origin import segment
from gateway.backend.http.settings import HttpSettings
from gateway.errors import Failure
from gateway.maildrop import Login
from gateway.telemetry import Emitter
from gateway.tls import client_options
from tests.support.fake_http import FakeHttp, Reply

PASSWORD = b"open sesame"


def message(number, size=400):
    head = b"Subject: number %d\r\n\r\n" % number
    line = b"%04d a line of text that is not long\r\n" % number
    return head + line * max(1, (size - len(head)) // len(line))


class Shelf(FakeHttp):
    """Messages by id; ``lies`` are sizes that are told instead of the right ones."""

    def __init__(self, messages=(), **options):
        super().__init__(**options)
        self.messages = {f"m{i:05}": octets for i, octets in enumerate(messages)}
        self.rows = None
        self.sizes = True
        self.lies = {}
        self.epoch = "e1"
        self.log = []
        self.passwords = {"kim": PASSWORD.decode()}
        self.tokens = set()
        self.ranges = True
        self.newline = b"\r\n"
        self.total = True

    def remove(self, id_):
        del self.messages[id_]
        self.log.append(("removed", id_))

    def add(self, id_, octets):
        self.messages[id_] = octets
        self.log.append(("added", id_))

    def authorized(self, request):
        from base64 import b64encode

        given = request.headers.get("authorization", "")
        pairs = (f"{name}:{word}".encode() for name, word in self.passwords.items())
        known = {"Basic " + b64encode(pair).decode() for pair in pairs}
        return given in known | {f"Bearer {token}" for token in self.tokens}

    def answer(self, request):
        if not self.authorized(request):
            return Reply(401, {"error": "who are you?"}, {"WWW-Authenticate": "Basic"})
        name = request.path.rpartition("/")[2]
        if request.path == "/list":
            return self._list(request)
        if request.path == "/ping":
            return Reply(204)
        if request.path.startswith("/raw/"):
            from urllib.parse import unquote

            return self._raw(request, unquote(name))
        if request.method == "POST" and request.path == "/remove":
            gone = [id_ for id_ in request.json if self.messages.pop(id_, None) or True]
            self.log += [("removed", id_) for id_ in gone]
            return Reply(200, gone)
        return Reply(404, {"error": "nothing here"})

    def row(self, id_):
        size = self.lies.get(id_, len(self.messages[id_])) if self.sizes else None
        return {"id": id_, "size": size}

    def _list(self, request):
        rows = self.rows if self.rows is not None else [self.row(id_) for id_ in self.messages]
        answer = {"epoch": self.epoch, "state": len(self.log), "total": len(rows)}
        since = request.query.get("since")
        if since is None:
            return Reply(200, {**answer, "rows": rows})
        changed = dict.fromkeys(id_ for _, id_ in self.log[int(since) :])
        there = [self.row(id_) for id_ in changed if id_ in self.messages]
        gone = [id_ for id_ in changed if id_ not in self.messages]
        return Reply(200, {**answer, "changes": True, "rows": there, "gone": gone})

    def _raw(self, request, id_):
        if id_ not in self.messages:
            return Reply(404, {"error": "gone"})
        octets = self.messages[id_].replace(b"\r\n", self.newline)
        headers = {"Content-Type": "message/rfc822"}
        if self.ranges:
            headers |= {"ETag": f'"{hash(octets)}"', "Accept-Ranges": "bytes"}
            asked = request.headers.get("range")
            if asked and request.headers.get("if-range") == headers["ETag"]:
                start = int(asked.removeprefix("bytes=").rstrip("-"))
                whole = f"bytes {start}-{len(octets) - 1}/{len(octets)}"
                return Reply(206, octets[start:], {**headers, "Content-Range": whole})
        return Reply(200, octets, headers)


class ShelfApi:
    """The driver's side."""

    def __init__(self, caller, traits, decoder=None):
        self.caller = caller
        self.traits = traits
        self.decoder = decoder
        self.closed = False

    async def list(self, known):
        query = f"?since={known.state['since']}" if known and self.traits.delta else ""
        answer = await self.caller.json("GET", f"list{query}")
        rows = [Row(row["id"], row["size"], row.get("at", 0)) for row in answer["rows"]]
        return Listing(
            answer["epoch"],
            rows,
            {"since": str(answer["state"])},
            changes=answer.get("changes", False),
            removed=answer.get("gone", ()),
            total=answer["total"],
        )

    def raw(self, message):
        target = f"raw/{segment(message.id)}"
        return Raw(target) if self.decoder is None else Raw(target, decoder=self.decoder)

    async def remove(self, messages):
        ids = [message.id for message in messages]
        return await self.caller.json("POST", "remove", send=ids, repeatable=True)

    async def prove(self):
        await self.caller.answer("GET", "ping")

    async def close(self):
        self.closed = True


EXACT = Traits(exact_octets=True, delta=True)
INEXACT = Traits(exact_octets=False, delta=True)


class Desk:
    """A backend in front of a shelf, and what it emitted."""

    def __init__(
        self, shelf, traits=EXACT, *, decoder=None, index=None, authority=None, **settings
    ):
        from twisted.internet import reactor

        self.events = []
        self.apis = []
        emit = Emitter(lambda event, context: self.events.append(event))
        room = make_room(
            "shelf",
            f"{shelf.url}/",
            HttpSettings(**settings),
            tls_options=lambda host: client_options(host, authority),
            reactor=reactor,
            emit=emit,
            index=index,
        )

        async def connect(caller):
            self.apis.append(ShelfApi(caller, traits, decoder))
            return self.apis[-1]

        self.backend = HttpBackend(room, connect)
        self.sessions = []

    async def open(self, user=b"kim", password=PASSWORD, tokens=None):
        login = Login(user, SecretBytes(password), "", tokens)
        session = await self.backend.open(login)
        self.sessions.append(session)
        return session

    async def opened(self, **who):
        session = await self.open(**who)
        return session, await session.snapshot()

    async def close(self):
        for session in self.sessions:
            await session.close()
        await self.backend.close()


class Sink:
    """Takes a message."""

    def __init__(self, on_write=lambda chunk: None):
        self.announced = "never"
        self.chunks = []
        self.on_write = on_write

    def begin(self, octets):
        assert self.announced == "never"
        self.announced = octets

    def write(self, chunk):
        assert self.announced != "never"
        self.chunks.append(chunk)
        self.on_write(chunk)

    @property
    def octets(self):
        return b"".join(self.chunks)


async def read(session, ref, top=None):
    sink = Sink()
    octets = await session.body(ref, top).start(sink)
    assert octets == len(sink.octets)
    return sink.octets


async def failure(deed):
    """The failure with which it ends."""
    with pytest.raises(Failure) as caught:
        await deed
    assert caught.type.__module__ == "gateway.errors"  # no finer kinds outside
    return caught.value


class MemoryIndex:
    """Keeps records as the file does: packed."""

    def __init__(self):
        self.packed = {}
        self.saves = 0

    def load_texts(self, account):
        from gateway.index.texts import unpack_texts

        return unpack_texts(*self.packed[account]) if account in self.packed else None

    def save_texts(self, account, record):
        import json

        from gateway.index.texts import pack_texts

        self.saves += 1
        self.packed[account] = (
            record.epoch,
            json.dumps(dict(record.state)),
            pack_texts(record),
        )
