"""Warm upstream connections: logged in, kept for a while after QUIT, reused by the same user.

A device that polls every half minute then costs one round trip upstream instead of connect,
TLS, login and SELECT. Only a login that proves the same password gets the connection; a
wrong one goes to the upstream like any other and leaves the connection where it is. What
a token has opened is for logins with the same token.
"""

import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pydantic import Field
from twisted.internet.defer import Deferred, gatherResults

from gateway.backend.port import (
    BackendSession,
    Body,
    Capabilities,
    ReusableBackend,
    ReusableSession,
)
from gateway.errors import Failure
from gateway.maildrop import CommitPlan, Login, Maildrop, Outcome, Ref, Tokens
from gateway.settings import Section


class WarmSettings(Section):
    """Connections kept after QUIT."""

    seconds: float = Field(
        default=75,
        ge=0,
        le=1500,
        description="How long a logged-in upstream connection is kept after QUIT for the "
        "next login with the same name and password; 0 keeps none.",
    )
    lifetime: float = Field(
        default=600,
        ge=0,
        description="How long after its login a connection may be used again, however often "
        "it was. For as long a password changed upstream, or a consent to OAuth2 withdrawn "
        "there, may still work.",
    )
    connections: int = Field(
        default=2000,
        ge=0,
        description="How many are kept at the most, by all workers together; the oldest is "
        "closed for a new one. Keep it below what the upstream gives to one client.",
    )


Prove = Callable[[], bytes]
"""The verifier of what a session was opened by, and of the last token that it has used."""


@dataclass(frozen=True, slots=True, repr=False)
class _Parked:
    session: ReusableSession
    prove: Prove
    since: float
    until: float


Shelf = OrderedDict[tuple[str, bytes], _Parked]
"""Kept sessions by upstream and user, the one that was kept first in front."""


class WarmConnections:
    """A backend that keeps the sessions of another.

    Args:
        backend: Makes the sessions.
        settings: How long, how many.
        now: A clock in seconds that never goes back.
        key: Random octets that make a password's verifier useless outside this process.
        per_peer: Whether a client of another address must not get the connection, as
            the upstream was told the address.
        upstream: Names the backend on a shelf that several share.
        shelf: The shelf; None for one of its own. `sweep` and `stop` are for the whole.
    """

    def __init__(
        self,
        backend: ReusableBackend,
        settings: WarmSettings,
        *,
        now: Callable[[], float],
        key: bytes,
        per_peer: bool,
        upstream: str = "",
        shelf: Shelf | None = None,
    ) -> None:
        self._backend = backend
        self.checks_name = backend.checks_name
        self._settings = settings
        self._now = now
        self._key = key
        self._per_peer = per_peer
        self._upstream = upstream
        self._parked: Shelf = OrderedDict() if shelf is None else shelf
        self._stopped = False

    def __len__(self) -> int:
        return len(self._parked)

    async def open(self, login: Login) -> BackendSession:
        """See `gateway.backend.port.Backend.open`."""
        secret = await self._secret(login)
        parked = await self._revived(login.user, self._proof(login, secret))
        if parked is not None:
            return _WarmSession(parked.session, self, login.user, parked.prove, parked.since)
        shown = None if login.tokens is None else _Shown(login.tokens, secret)
        since = self._now()
        session = await self._backend.open(replace(login, tokens=shown))

        def prove() -> bytes:
            return self._proof(login, secret if shown is None else shown.last)

        return _WarmSession(session, self, login.user, prove, since)

    async def park(
        self, user: bytes, prove: Prove, since: float, session: ReusableSession
    ) -> None:
        """Keep a session if it is fit for it, else close it."""
        now = self._now()
        until = min(now + self._settings.seconds, since + self._settings.lifetime)
        fit = session.reusable and until > now and not self._stopped
        if not (fit and self._settings.connections):
            await session.close()
            return
        session.rest()
        surplus = [self._parked.pop((self._upstream, user), None)]
        self._parked[self._upstream, user] = _Parked(session, prove, since, until)
        while len(self._parked) > self._settings.connections:
            surplus.append(self._parked.popitem(last=False)[1])
        await _close(parked for parked in surplus if parked is not None)

    async def sweep(self) -> None:
        """Close what was kept long enough; to be called every few seconds."""
        now = self._now()
        over = [place for place, parked in self._parked.items() if parked.until <= now]
        await _close([self._parked.pop(place) for place in over])

    async def stop(self) -> None:
        """Close all that is kept, and keep nothing any more."""
        self._stopped = True
        kept = list(self._parked.values())
        self._parked.clear()
        await _close(kept)

    async def _secret(self, login: Login) -> bytes:
        """What is shown to the upstream: with tokens the one of now.

        Raises:
            ConsentMissing, Unavailable: There is none. A kept session would go on without,
                but nothing would tell whose it is: a client may bring a token of his own,
                which nobody but the upstream has looked at.
        """
        if login.tokens is None:
            return login.password.get_secret_value()
        return await login.tokens.token()

    def _proof(self, login: Login, secret: bytes) -> bytes:
        """A verifier, salted with the user's name and this process' key.

        A password that is a token's text is no token: the upstream was not asked about it.
        """
        peer = login.peer.encode() if self._per_peer else b""
        kind = b"password" if login.tokens is None else b"token"
        salt = b"%b %d %b %b" % (kind, len(login.user), login.user, peer)
        inner = hmac.digest(self._key, salt, "sha256")
        return hmac.digest(inner, secret, "sha256")

    async def _revived(self, user: bytes, proof: bytes) -> _Parked | None:
        place = (self._upstream, user)
        parked = self._parked.get(place)
        if parked is None or not hmac.compare_digest(parked.prove(), proof):
            return None
        del self._parked[place]
        if parked.until > self._now() and parked.session.reusable:
            try:
                await parked.session.revive()
            except Failure:
                pass
            else:
                return parked
        await parked.session.close()
        return None


class _Shown:
    """Tokens, and the last one that was shown to the upstream: see `gateway.maildrop.Tokens`.

    A session that a second one has opened, as the first was refused, is not for who shows the
    first.
    """

    def __init__(self, tokens: Tokens, first: bytes) -> None:
        self._tokens = tokens
        self.last = first

    async def token(self) -> bytes:
        self.last = await self._tokens.token()
        return self.last

    async def renew(self, refused: bytes) -> bytes:
        self.last = await self._tokens.renew(refused)
        return self.last


async def _close(kept: Iterable[_Parked]) -> None:
    """All at once: a server that does not answer must not hold up one after the other."""
    await gatherResults([Deferred.fromCoroutine(each.session.close()) for each in kept])


class _WarmSession:
    """Passes everything on, and is parked instead of closed."""

    __slots__ = ("_closed", "_home", "_prove", "_session", "_since", "_user", "at_hand")

    def __init__(
        self,
        session: ReusableSession,
        home: WarmConnections,
        user: bytes,
        prove: Prove,
        since: float,
    ) -> None:
        self._session = session
        self.at_hand = getattr(session, "at_hand", None)
        self._home = home
        self._user = user
        self._prove = prove
        self._since = since
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        return self._session.capabilities

    async def snapshot(self) -> Maildrop:
        return await self._session.snapshot()

    def body(self, ref: Ref, top: int | None = None) -> Body:
        return self._session.body(ref, top)

    async def commit(self, plan: CommitPlan) -> Outcome:
        return await self._session.commit(plan)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._home.park(self._user, self._prove, self._since, self._session)
