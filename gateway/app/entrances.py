"""Listeners from settings: their certificates, fences, and what clients can log in with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLContextFactory
from zope.interface import implementer

from gateway import tls
from gateway.accounts.fence import Fence
from gateway.accounts.sasl_table import MECHANISMS
from gateway.accounts.settings import AccountsSettings
from gateway.app.sockets import Socket
from gateway.errors import Misconfigured
from gateway.pop3.offer import Offer
from gateway.server.entrance import Listener
from gateway.server.settings import FencedListener, ListenSettings


@implementer(IOpenSSLContextFactory)
class ServerCertificate:
    """The certificate shown to clients, read again on request.

    Args:
        cert: Its PEM file.
        key: The PEM file of its key.
        legacy: Whether TLS below 1.2 will do.

    Raises:
        Misconfigured: A file cannot be used.
    """

    def __init__(self, cert: Path, key: Path, *, legacy: bool = False) -> None:
        self._files = (cert, key)
        self._legacy = legacy
        self.reload()

    def getContext(self) -> SSL.Context:  # noqa: N802 - Twisted's name
        """What the next handshake uses."""
        return self._options.getContext()

    def reload(self) -> None:
        """Read the files again; if they cannot be used, the old certificate stays."""
        self._options = tls.server_options(*self._files, legacy=self._legacy)


class Entrances:
    """Makes listeners of sockets.

    Args:
        settings: Where to listen.
        offer: What a client can log in with, by TLS.

    Raises:
        Misconfigured: A certificate cannot be used.
    """

    def __init__(self, settings: ListenSettings, offer: Offer) -> None:
        self._offer = offer
        self._settings = settings
        self._usual = _certificate(settings, settings, legacy=False)
        self._fenced: Mapping[FencedListener, ServerCertificate | None] = {
            each: _certificate(each, settings, legacy=each.legacy_tls)
            for each in settings.fenced
            if each.tls != "none"
        }

    def listener(self, opened: Socket, reactor: Any) -> Listener:
        """The listener of a socket, whose endpoint can be used once."""
        fenced = opened.fenced
        if fenced is None:
            certificate = self._usual
            clear = self._settings.allow_plaintext_login
        else:
            certificate = self._fenced.get(fenced)
            clear = True
        return Listener(
            opened.name,
            opened.endpoint(reactor),
            tls=certificate if opened.tls else None,
            stls=certificate,
            fence=Fence.of(fenced.allow) if fenced else None,
            offer=Offer(self._offer.mechanisms, self._offer.apop, clear),
        )

    def reload(self) -> None:
        """Read every certificate again.

        Raises:
            Misconfigured: Some cannot be used; the old ones stay in their place.
        """
        wrong = []
        for certificate in (self._usual, *self._fenced.values()):
            try:
                if certificate is not None:
                    certificate.reload()
            except Misconfigured as failure:
                wrong.append(failure.detail)
        if wrong:
            raise Misconfigured("; ".join(dict.fromkeys(wrong)))


def offer(settings: AccountsSettings, *, directory: bool) -> Offer:
    """What a client can log in with.

    Args:
        settings: What is wanted.
        directory: Whether there are devices whose passwords we know.
    """
    # A client that prefers SCRAM does not try anything else where it cannot work: for names
    # that are passed through, and for accounts of the settings file.
    all_there = directory and settings.unknown == "refuse" and not settings.account
    wanted = {
        b"SCRAM-SHA-256": settings.scram and all_there,
        b"CRAM-MD5": settings.digests and directory,
        b"OAUTHBEARER": settings.client_tokens,
        b"XOAUTH2": settings.client_tokens,
    }
    names = tuple(name for name in MECHANISMS if wanted.get(name, True))
    return Offer(names, apop=settings.digests and directory)


def _certificate(
    own: ListenSettings | FencedListener, usual: ListenSettings, *, legacy: bool
) -> ServerCertificate | None:
    cert, key = (own.cert, own.key) if own.cert else (usual.cert, usual.key)
    return ServerCertificate(cert, key, legacy=legacy) if cert and key else None
