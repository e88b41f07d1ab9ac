"""The drivers of all upstreams that are in use, one for each URL."""

import os
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred

from gateway.app.upstreams import Budgets, backend, reusable_backend
from gateway.backend.budget import Budget
from gateway.backend.http.driver import HttpBackend
from gateway.backend.port import Backend
from gateway.backend.profile.rules import proves_password
from gateway.backend.warm import Shelf, WarmConnections
from gateway.config import ConfigError, Settings, UpstreamUrl
from gateway.config.account_rules import account_upstream, check_upstream
from gateway.config.problems import BadValue
from gateway.config.profiles import load_profile
from gateway.config.upstream_url import NOWHERE
from gateway.errors import Misconfigured
from gateway.index import Index
from gateway.telemetry import Emitter

_MOST = 256


class Backends:
    """Makes the driver of a URL when it is first asked for, and keeps it.

    All share the settings of `[upstream]`, one bound for kept sessions, and one for messages
    asked for ahead. What the settings say of credentials is for their own URL alone.

    Args:
        settings: All of them.
        reactor: For everything that waits.
        emit: Takes the events.
        index: What is known of mailboxes.

    Raises:
        Misconfigured: The settings' own upstream cannot be used.
    """

    def __init__(self, settings: Settings, reactor: Any, emit: Emitter, index: Index) -> None:
        self._settings = settings
        self._reactor = reactor
        self._emit = emit
        self._index = index
        self._key = os.urandom(32)
        self._shelf: Shelf = OrderedDict()
        upstream = settings.upstream
        self._budgets = Budgets(
            Budget(upstream.imap.prefetch_total), Budget(upstream.http.prefetch_total)
        )
        self._drivers: OrderedDict[str, tuple[Backend, object]] = OrderedDict()
        self._trusted: frozenset[str] = frozenset()
        self.trust(settings)
        self._own = None if upstream.url == NOWHERE else self._make(settings)

    def trust(self, settings: Settings) -> None:
        """Take the URLs of the settings file for those that may name files of this machine.

        What is not in it any more is looked at anew when it is asked for.
        """
        before = self._trusted
        routes = (each.upstream for each in settings.routes)
        accounts = (each.upstream for each in settings.accounts.account)
        self._trusted = frozenset(map(canonical, (*routes, *accounts)))
        for url in before - self._trusted:
            if url in self._drivers:
                self._drop(url)

    def get(self, url: str) -> Backend:
        """The driver of a URL; empty for that of the settings.

        Raises:
            Misconfigured: There is none, or it cannot be used.
        """
        if not url or url == str(self._settings.upstream.url):
            if self._own is None:
                raise Misconfigured("there is no upstream.url for whoever has none of his own")
            return self._own[0]
        if url not in self._drivers:
            self._drivers[url] = self._make(self._settings_for(url))
            if len(self._drivers) > _MOST:
                self._drop(next(iter(self._drivers)))
        self._drivers.move_to_end(url)
        return self._drivers[url][0]

    async def sweep(self) -> None:
        """Close sessions that were kept long enough; to be called every few seconds."""
        for each in self._warm():
            await each.sweep()  # of the whole shelf
            return

    async def stop(self) -> None:
        """Close all that is kept, and keep nothing any more."""
        for each in self._warm():
            await each.stop()

    def _drop(self, url: str) -> None:
        _, driver = self._drivers.pop(url)
        Deferred.fromCoroutine(_close(driver))

    def _warm(self) -> Iterable[WarmConnections]:
        made = [*([self._own] if self._own else []), *self._drivers.values()]
        return [each for each, _ in made if isinstance(each, WarmConnections)]

    def _make(self, settings: Settings) -> tuple[Backend, object]:
        driver = reusable_backend(
            settings, self._reactor, self._emit, self._index, self._budgets
        )
        if driver is None:
            plain = backend(settings, self._reactor, self._emit)
            return plain, plain
        warm = WarmConnections(
            driver,
            settings.upstream.warm,
            now=self._reactor.seconds,
            key=self._key,
            per_peer=settings.upstream.imap.send_id,
            upstream=str(settings.upstream.url),
            shelf=self._shelf,
        )
        return warm, driver

    def _settings_for(self, text: str) -> Settings:
        """Those of an upstream that is not their own.

        Raises:
            Misconfigured: It may not be used.
        """
        try:
            if text in self._trusted:
                url = UpstreamUrl.parse(text)
                check_upstream(self._settings, url)
            else:
                url = account_upstream(self._settings, text)
            _check_password_is_asked_for(self._settings, url)
        except BadValue as error:
            raise Misconfigured(f"the upstream {text}: {error}") from None
        return _foreign(self._settings, url)


def canonical(text: str) -> str:
    """A URL as all spellings of it are; what is none stays."""
    return _canonical(text)


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    try:
        return str(UpstreamUrl.parse(text)) if text else ""
    except BadValue:
        return text


def _foreign(settings: Settings, url: UpstreamUrl) -> Settings:
    """The settings with another upstream: which gets nothing that is meant for theirs."""
    secrets = {"token_file": None, "token_command": None, "client_password_file": None}
    http = settings.upstream.http.model_copy(update=secrets)
    upstream = settings.upstream.model_copy(update={"url": url, "http": http})
    return settings.model_copy(update={"upstream": upstream})


def _check_password_is_asked_for(settings: Settings, url: UpstreamUrl) -> None:
    """Whether such an upstream keeps out who has no password.

    Raises:
        BadValue: It would let everybody in.
    """
    maildir = settings.upstream.maildir
    if url.kind == "maildir" and maildir.password_file is None:
        raise BadValue("would open to a password that everybody knows", "set password_file")
    if url.api != "profile":
        return
    try:
        proves = proves_password(load_profile(url.profile))
    except ConfigError as error:
        raise BadValue(str(error), "see docs/profiles.md") from None
    if not proves:
        raise BadValue(
            "its profile sees no password",
            "such an upstream can only be upstream.url, with a client_password_file",
        )


async def _close(driver: object) -> None:
    if isinstance(driver, HttpBackend):
        await driver.close()
