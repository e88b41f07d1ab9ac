"""A JMAP backend in front of a strict server, for tests."""

from pydantic import SecretBytes

from gateway.backend.http.driver import make_room
from gateway.backend.http.settings import HttpSettings
from gateway.backend.jmap import driver
from gateway.backend.jmap.settings import JmapSettings
from gateway.maildrop import CommitPlan, Login
from gateway.telemetry import Emitter
from gateway.tls import client_options


class Desk:
    def __init__(self, server, path="", index=None, settings=None, **http):
        from twisted.internet import reactor

        self.events = []
        room = make_room(
            "jmap",
            f"{server.url}/",
            HttpSettings(**{"response_timeout": 2, "retry_after": 1, **http}),
            tls_options=client_options,
            reactor=reactor,
            emit=Emitter(lambda event, context: self.events.append(event)),
            index=index,
        )
        self.backend = driver.backend(room, path, settings or JmapSettings())
        self.sessions = []

    async def opened(self, password=b"pw"):
        session = await self.backend.open(Login(b"kim", SecretBytes(password)))
        self.sessions.append(session)
        return session, await session.snapshot()

    async def close(self):
        for session in self.sessions:
            await session.close()
        await self.backend.close()


def plan(maildrop, *refs):
    return CommitPlan(maildrop.epoch, refs)


def session_with(**changes):
    def change(_, reply):
        reply.body = {**reply.body, **changes}
        return reply

    return change
