"""The port over a Maildir: open, list, deliver, remove."""

import hmac
import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, ParamSpec, TypeVar

from twisted.internet.threads import deferToThreadPool

from gateway.backend.embedded.body import MaildirBody, Opened
from gateway.backend.embedded.maildir import (
    Found,
    Listing,
    Stamp,
    octets_by_name,
    octets_by_reading,
    open_message,
    scan,
)
from gateway.backend.embedded.removal import find_again, remove
from gateway.backend.embedded.settings import MaildirSettings
from gateway.backend.port import Capabilities
from gateway.errors import BadCredentials, EpochChanged, MessageGone, Unavailable
from gateway.maildrop import CommitPlan, Login, Maildrop, Outcome, Ref
from gateway.telemetry import Emitter, Event, Level, printable

P = ParamSpec("P")
R = TypeVar("R")

# Refs are unique names, which Maildir never gives twice, so they mean the same in every
# session, after a restart, on another disk and after a restore. Device or inode would
# differ after a restore and make every client fetch everything again.
EPOCH = "maildir"

CAPABILITIES = Capabilities(
    exact_octets=True,
    precise_expunge=True,
    partial_fetch=True,
    stable_ids=True,
    delta=False,
)


@dataclass(frozen=True, slots=True)
class MaildirMessageHidden(Event):
    """Two files have one unique name; this one is not shown until it is renamed."""

    level: ClassVar[Level] = "warning"
    path: str


@dataclass(frozen=True, slots=True)
class MaildirMessageKept(Event):
    """A file that should go could not be removed."""

    level: ClassVar[Level] = "warning"
    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class MaildirSizeCorrected(Event):
    """The length in a file's name was wrong; from now on the file is counted."""

    level: ClassVar[Level] = "warning"
    path: str
    octets: int


class MaildirBackend:
    """Implements `gateway.backend.port.Backend` for one Maildir and one user.

    Args:
        directory: The Maildir, which holds cur, new and tmp.
        settings: Who may read it.
        reactor: Its thread pool does what may block: listing, counting, removing. Bodies
            are read in the reactor, one slice of 128 KiB a turn: a thread costs more.
        emit: Where events go.
    """

    checks_name = True

    def __init__(
        self,
        directory: Path,
        settings: MaildirSettings,
        reactor: Any,  # both IReactorTime and IReactorThreads, which no type can say
        emit: Emitter,
    ) -> None:
        self.directory = directory
        self.reactor = reactor
        self.emit = emit
        self._settings = settings
        self._counted: dict[str, tuple[Stamp, int]] = {}

    async def open(self, login: Login) -> "MaildirSession":
        """Check name and password; see the port."""
        password = await self.in_thread(self._settings.expected_password)
        # Both are compared, always, and in constant time: the answer to a wrong name
        # takes as long as the answer to a wrong password.
        name_fits = hmac.compare_digest(login.user, self._settings.user.encode())
        password_fits = hmac.compare_digest(
            login.password.get_secret_value(), password.get_secret_value()
        )
        if not (name_fits & password_fits):
            raise BadCredentials("no such name and password for this Maildir")
        return MaildirSession(self)

    async def in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that may block; what the disk objects to may pass."""
        try:
            return await deferToThreadPool(
                self.reactor, self.reactor.getThreadPool(), function, *args, **kwargs
            )
        except OSError as error:
            raise Unavailable(f"{self.directory}: {error.strerror}") from error

    def listing(self) -> tuple[Listing, dict[str, int]]:
        """The messages in order with their octets; blocks."""
        octets: dict[str, int] = {}
        # A file renamed between listing and counting is found by listing again; one
        # that is gone for good is not there the next time.
        for _ in range(3):
            listing = scan(self.directory)
            octets = self._count(listing)
            if len(octets) == len(listing.messages):
                break
        # Replaced as a whole: sessions of other threads read the old or the new one.
        self._counted = {
            ref: (listing.messages[ref].stamp, count) for ref, count in octets.items()
        }
        return listing, octets

    def _count(self, listing: Listing) -> dict[str, int]:
        octets = {}
        for ref, found in sorted(listing.messages.items(), key=lambda item: item[1].order):
            try:
                octets[ref] = self._octets(ref, found)
            except FileNotFoundError:
                continue
        return octets

    def _octets(self, ref: str, found: Found) -> int:
        stamp, octets = self._counted.get(ref, (None, 0))
        if stamp == found.stamp:
            return octets
        by_name = octets_by_name(found)
        return octets_by_reading(found) if by_name is None else by_name

    def learn(self, ref: str, found: Found, octets: int) -> None:
        """Correct a count that was taken from the file's name."""
        self._counted[ref] = (found.stamp, octets)
        self.emit(MaildirSizeCorrected(printable(os.fsencode(found.path)), octets))


class MaildirSession:
    """Implements `gateway.backend.port.BackendSession`."""

    capabilities = CAPABILITIES

    def __init__(self, backend: MaildirBackend) -> None:
        self._backend = backend
        self._shown: dict[str, Found] = {}
        self._octets: dict[str, int] = {}
        self._bodies: list[MaildirBody] = []

    async def snapshot(self) -> Maildrop:
        """List and count; see the port."""
        listing, self._octets = await self._backend.in_thread(self._backend.listing)
        self._shown = {ref: listing.messages[ref] for ref in self._octets}
        for path in listing.hidden:
            self._backend.emit(MaildirMessageHidden(printable(os.fsencode(path))))
        return Maildrop(
            epoch=EPOCH,
            refs=tuple(self._octets),
            octets=array("Q", self._octets.values()),
            unique_ids=tuple(ref.encode("ascii") for ref in self._octets),
        )

    def body(self, ref: Ref, top: int | None = None) -> MaildirBody:  # noqa: ARG002
        """One message; `top` makes no difference, as `stop` ends the reading anyway."""
        self._bodies = [body for body in self._bodies if not body.done]
        body = MaildirBody(lambda: self._open(str(ref)), self._backend.reactor)
        self._bodies.append(body)
        return body

    async def _open(self, ref: str) -> Opened:
        found = self._shown.get(ref)
        if found is None:
            raise MessageGone("not a message of this session")
        try:
            return self._opened(ref, found)
        except FileNotFoundError:
            pass
        again = await self._backend.in_thread(find_again, self._backend.directory, ref, found)
        if again is None:
            raise MessageGone(printable(os.fsencode(found.path)))
        self._shown[ref] = again
        try:
            return self._opened(ref, again)
        except FileNotFoundError as error:
            raise MessageGone(printable(os.fsencode(again.path))) from error

    def _opened(self, ref: str, found: Found) -> Opened:
        try:
            descriptor = open_message(found.path)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unavailable(
                f"{printable(os.fsencode(found.path))}: {error.strerror}"
            ) from error
        status = os.fstat(descriptor)
        unchanged = found.stamp == (status.st_size, status.st_mtime_ns)
        return Opened(
            descriptor,
            status.st_size,
            self._octets[ref] if unchanged else None,
            lambda octets: self._backend.learn(ref, found, octets),
        )

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Unlink; see the port."""
        if plan.epoch != EPOCH:
            raise EpochChanged(f"the plan is of {plan.epoch}")
        refs = [str(ref) for ref in plan.remove]
        removal = await self._backend.in_thread(
            remove, self._backend.directory, refs, self._shown
        )
        for path, problem in removal.problems:
            self._backend.emit(MaildirMessageKept(printable(os.fsencode(path)), problem))
        return Outcome(tuple(removal.removed), tuple(removal.kept))

    async def close(self) -> None:
        """Break off bodies that are still on their way."""
        bodies, self._bodies = self._bodies, []
        for body in bodies:
            body.abandon()
