"""Which driver serves an upstream URL: with `config`, all that knows a driver by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway import tls
from gateway.backend.budget import Budget
from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.gmail.api import connect as connect_gmail
from gateway.backend.gmail.quota import Quota
from gateway.backend.graph.api import connect as connect_graph
from gateway.backend.http.driver import HttpBackend, Room, make_room
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import Security, Upstream
from gateway.backend.jmap import driver as jmap
from gateway.backend.port import Backend, ReusableBackend
from gateway.backend.profile import driver as profile
from gateway.backend.rest import driver as rest
from gateway.config import ConfigError, Settings
from gateway.config.profiles import load_profile
from gateway.config.upstream_url import NOWHERE
from gateway.errors import Misconfigured
from gateway.index import Index
from gateway.server import events as nowhere
from gateway.telemetry import Emitter

_SECURITY: Mapping[str, Security] = MappingProxyType(
    {"imap": "none", "imap+starttls": "starttls", "imaps": "tls"}
)


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may be asked for ahead, of all upstreams together."""

    imap: Budget
    http: Budget


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a driver is made of."""

    settings: Settings
    reactor: Any
    emit: Emitter
    index: Index | None
    budgets: Budgets | None

    def tls_options(self, host: str) -> Any:
        """See `gateway.tls.client_options`."""
        return tls.client_options(host, self.settings.upstream.ca)

    def room(self, base: str) -> Room:
        """What HTTP mailboxes share, for the API at this URL."""
        return make_room(
            str(self.settings.upstream.url),
            base,
            self.settings.upstream.http,
            tls_options=self.tls_options,
            reactor=self.reactor,
            emit=self.emit,
            index=self.index,
            budget=None if self.budgets is None else self.budgets.http,
        )


Maker = Callable[[_Parts], ReusableBackend]


def backend(
    settings: Settings, reactor: Any, emit: Emitter, index: Index | None = None
) -> Backend:
    """The driver that the upstream URL asks for.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    return reusable_backend(settings, reactor, emit, index) or _maildir(settings, reactor, emit)


def reusable_backend(
    settings: Settings,
    reactor: Any,
    emit: Emitter,
    index: Index | None,
    budgets: Budgets | None = None,
) -> ReusableBackend | None:
    """The driver if it is one whose sessions are worth keeping.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    url = settings.upstream.url
    if url.kind == "maildir":
        return None
    make = _MAKERS.get(url.api)
    if make is None:
        raise Misconfigured(f"there is no driver for {url.kind}:// in this version")
    return make(_Parts(settings, reactor, emit, index, budgets))


def _imap(parts: _Parts) -> ReusableBackend:
    url, upstream = parts.settings.upstream.url, parts.settings.upstream
    return ImapBackend(
        Upstream(url.host, url.port, _SECURITY[url.kind]),
        upstream.imap,
        parts.tls_options,
        parts.reactor,
        parts.emit,
        index=parts.index,
        budget=None if parts.budgets is None else parts.budgets.imap,
    )


def _profile(parts: _Parts) -> ReusableBackend:
    url = parts.settings.upstream.url
    try:
        return profile.backend(parts.room(url.base), load_profile(url.profile))
    except ConfigError as error:
        raise Misconfigured(str(error)) from None


def _graph(parts: _Parts) -> ReusableBackend:
    url, settings = parts.settings.upstream.url, parts.settings.upstream.graph
    room = parts.room(url.origin if url.host else "https://graph.microsoft.com")
    connect = partial(connect_graph, settings=settings, emit=room.emit)
    return HttpBackend(room, connect, by_name=settings.mailbox == "name")


def _gmail(parts: _Parts) -> ReusableBackend:
    url, settings = parts.settings.upstream.url, parts.settings.upstream.gmail
    room = parts.room(url.origin if url.host else "https://gmail.googleapis.com")
    quota = Quota(settings, parts.reactor)
    connect = partial(connect_gmail, settings=settings, quota=quota, emit=room.emit)
    return HttpBackend(room, connect, by_name=settings.mailbox == "name")


def _maildir(settings: Settings, reactor: Any, emit: Emitter) -> Backend:
    directory = Path(settings.upstream.url.path)
    return MaildirBackend(directory, settings.upstream.maildir, reactor, emit)


def _jmap(parts: _Parts) -> ReusableBackend:
    url = parts.settings.upstream.url
    return jmap.backend(parts.room(f"{url.origin}/"), url.path, parts.settings.upstream.jmap)


def _rest(parts: _Parts) -> ReusableBackend:
    url = parts.settings.upstream.url
    return rest.backend(parts.room(url.base), url.base, parts.settings.upstream.rest)


# One row a kind of upstream; each HTTP API has `HttpBackend` around its own coroutine.
_MAKERS: Mapping[str, Maker] = MappingProxyType(
    {
        "imap": _imap,
        "jmap": _jmap,
        "rest": _rest,
        "profile": _profile,
        "graph": _graph,
        "gmail": _gmail,
    }
)


def own_upstream(settings: Settings) -> str:
    """The upstream of the settings as events and metrics name it: `none` if there is none."""
    url = settings.upstream.url
    return nowhere.NOWHERE if url == NOWHERE else str(url)
