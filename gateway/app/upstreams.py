"""Which driver serves an upstream URL: with `config`, all that knows a driver by name."""

from pathlib import Path
from typing import Any

from gateway import tls
from gateway.backend.embedded.driver import MaildirBackend
from gateway.backend.imap.driver import ImapBackend
from gateway.backend.imap.settings import Security, Upstream
from gateway.backend.port import Backend, ReusableBackend
from gateway.config import Settings
from gateway.index import Index
from gateway.telemetry import Emitter

_SECURITY: dict[str, Security] = {"imap": "none", "imap+starttls": "starttls", "imaps": "tls"}


def backend(
    settings: Settings, reactor: Any, emit: Emitter, index: Index | None = None
) -> Backend:
    """The driver that the upstream URL asks for.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    return reusable_backend(settings, reactor, emit, index) or _maildir(settings, reactor, emit)


def reusable_backend(
    settings: Settings, reactor: Any, emit: Emitter, index: Index | None
) -> ReusableBackend | None:
    """The driver if it is one whose connections are worth keeping.

    Raises:
        Misconfigured: What the settings name cannot be used.
    """
    url = settings.upstream.url
    if url.kind == "maildir":
        return None
    return ImapBackend(
        Upstream(url.host, url.port, _SECURITY[url.kind]),
        settings.upstream.imap,
        lambda host: tls.client_options(host, settings.upstream.ca),
        reactor,
        emit,
        index=index,
    )


def _maildir(settings: Settings, reactor: Any, emit: Emitter) -> Backend:
    directory = Path(settings.upstream.url.path)
    return MaildirBackend(directory, settings.upstream.maildir, reactor, emit)
