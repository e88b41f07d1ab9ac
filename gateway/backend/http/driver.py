"""The port's backend for any HTTP mailbox: what its driver adds is one coroutine."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from gateway.backend.budget import Budget
from gateway.backend.http.agent import TlsOptions
from gateway.backend.http.api import Api
from gateway.backend.http.auth import Authorization, authorization, of_login
from gateway.backend.http.client import Caller, Client
from gateway.backend.http.faults import of_the_closed_set
from gateway.backend.http.mailbox import HttpSession
from gateway.backend.http.settings import HttpSettings
from gateway.index import Index, NoIndex
from gateway.maildrop import Login
from gateway.telemetry import Emitter

Connect = Callable[[Caller], Awaitable[Api]]
"""Begins one login: find the mailbox, and prove the credentials by a request if none of the
requests of `Api.list` would (raises as `gateway.backend.port.Backend.open`)."""


@dataclass(frozen=True, slots=True)
class Room:
    """What all sessions of one HTTP upstream share.

    Attributes:
        name: Names the upstream in the index, with its scheme.
    """

    name: str
    settings: HttpSettings
    client: Client
    authorization: Authorization
    index: Index
    budget: Budget
    emit: Emitter
    reactor: Any


def make_room(
    name: str,
    base: str,
    settings: HttpSettings,
    *,
    tls_options: TlsOptions,
    reactor: Any,
    emit: Emitter,
    index: Index | None = None,
    budget: Budget | None = None,
) -> Room:
    """The room of one upstream.

    Args:
        name: Names the upstream in the index; its URL as the settings have it.
        base: Where its API is: `https://host/path/`.
        settings: How it is used.
        tls_options: See `gateway.tls.client_options`.
        reactor: For everything that waits.
        emit: Where events go.
        index: What is known of mailboxes from earlier logins; None keeps nothing.
        budget: For messages asked for ahead, if several upstreams share one.

    Raises:
        Misconfigured: What the settings or the environment name cannot be used.
    """
    return Room(
        name,
        settings,
        Client(base, settings, tls_options, reactor),
        authorization(settings, reactor),
        index or NoIndex(),
        budget or Budget(settings.prefetch_total),
        emit.bind(upstream=name),
        reactor,
    )


class HttpBackend:
    """One HTTP upstream; see `gateway.backend.port.ReusableBackend`.

    Args:
        room: What its sessions share.
        connect: The driver.
        by_name: Whether the mailbox is asked for by the login's name.
    """

    def __init__(self, room: Room, connect: Connect, *, by_name: bool = False) -> None:
        self.checks_name = by_name
        self._room = room
        self._connect = connect

    async def open(self, login: Login) -> HttpSession:
        """See `gateway.backend.port.Backend.open`."""
        room = self._room
        proof = of_login(login, room.authorization)
        proof.check(login)
        emit = room.emit.bind(peer=login.peer) if login.peer else room.emit
        caller = Caller(room.client, proof, login)
        api = await of_the_closed_set(self._connect(caller))
        return HttpSession(
            api,
            caller,
            index=room.index,
            budget=room.budget,
            account=f"{room.name} {login.user!r}",
            emit=emit,
            check=lambda: proof.check(login),
        )

    async def close(self) -> None:
        """Close the connections that are kept for the next request."""
        await self._room.client.close()
