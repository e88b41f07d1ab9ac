"""The driver of JMAP mailboxes: what `gateway.backend.http` wants to know of them."""

from collections.abc import Collection, Sequence

from gateway.backend.http.api import Api, Listing, Message, Raw, Traits
from gateway.backend.http.client import Caller
from gateway.backend.http.driver import HttpBackend, Room
from gateway.backend.jmap import commit
from gateway.backend.jmap.calls import Methods
from gateway.backend.jmap.listing import Lister
from gateway.backend.jmap.session import WELL_KNOWN, Session, discover
from gateway.backend.jmap.settings import JmapSettings
from gateway.errors import Misconfigured
from gateway.index import TextRecord

_REMOVE_AT_ONCE = 500


class JmapApi:
    """One login's INBOX; see `gateway.backend.http.api.Api`.

    Args:
        caller: Of the login.
        session: Found at login.
        settings: Of the driver.
    """

    def __init__(self, caller: Caller, session: Session, settings: JmapSettings) -> None:
        self._caller = caller
        self._session = session
        self._trash = settings.delete == "trash"
        self._methods = Methods(caller, session)
        self._lister = Lister(self._methods, settings.page, trash=self._trash)

    @property
    def traits(self) -> Traits:
        """RFC 8621 §4.1.1: `size` is that of the octets; ids are never used again."""
        return Traits(exact_octets=True, delta=True, remove_at_once=_REMOVE_AT_ONCE)

    async def list(self, known: TextRecord | None) -> Listing:
        """See `gateway.backend.http.api.Api.list`."""
        changes = None if known is None else await self._lister.changes(known)
        return await self._lister.whole() if changes is None else changes

    def raw(self, message: Message) -> Raw:
        """See `gateway.backend.http.api.Api.raw`."""
        return Raw(self._session.blob(message.locator))

    async def remove(self, messages: Sequence[Message]) -> Collection[str]:
        """See `gateway.backend.http.api.Api.remove`."""
        inbox, bin_ = self._lister.inbox, self._lister.bin if self._trash else None
        limits = self._session.limits
        gone: set[str] = set()
        for ids in self._methods.portions(
            (message.id for message in messages),
            min(limits.get, limits.set_),
            lambda id_: commit.cost(id_, inbox, bin_),
        ):
            gone |= await commit.remove(self._methods, ids, inbox, bin_)
        return gone

    def explain(self) -> Sequence[str]:
        """See `gateway.backend.http.api.explained`."""
        limits = self._session.limits
        fate = "moved to the trash" if self._trash else "destroyed"
        account = (
            f"JMAP account {self._session.account}: {limits.calls} method calls and "
            f"{limits.octets} octets a request,\n{limits.get} messages a listing"
        )
        deletion = (
            f"deletion is exact: what a client deleted is {fate}; what is in other mailboxes "
            "too\nis only taken out of the INBOX"
        )
        return account, "sizes are exact and ids are never used again: RFC 8621", deletion

    async def prove(self) -> None:
        """See `gateway.backend.http.api.Api.prove`."""
        await discover(self._caller, self._session.url)

    async def close(self) -> None:
        """Nothing is held."""


class _Door:
    """Finds the session object, and remembers where redirects led to."""

    def __init__(self, path: str, settings: JmapSettings) -> None:
        self._given = path or WELL_KNOWN
        self._found = self._given
        self._settings = settings

    async def connect(self, caller: Caller) -> Api:
        """See `gateway.backend.http.driver.Connect`."""
        try:
            session = await discover(caller, self._found)
        except Misconfigured:
            self._found = self._given  # the server may have moved it
            raise
        if session.read_only:
            raise Misconfigured("the upstream's account is read-only")
        self._found = session.url
        return JmapApi(caller, session, self._settings)


def backend(room: Room, path: str, settings: JmapSettings) -> HttpBackend:
    """The backend of one JMAP server.

    Args:
        room: What HTTP mailboxes share, for the server's origin.
        path: Of the session object; empty to discover it (RFC 8620 §2.2).
        settings: Of the driver.
    """
    return HttpBackend(room, _Door(path, settings).connect)
