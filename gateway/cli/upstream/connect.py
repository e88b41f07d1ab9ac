"""Connecting and logging in with IMAPClient, and in plain words why it did not work."""

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from cryptography import x509
from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from gateway.cli.upstream.findings import CheckFailed, Finding, counted, doubt, good
from gateway.config import UpstreamUrl
from gateway.maildrop import Login
from gateway.telemetry import printable

_TIMEOUT = SocketTimeout(15, 60)
_SOON = timedelta(days=14)
_NOT_YET_VALID, _EXPIRED, _HOSTNAME, _ADDRESS = 9, 10, 62, 64
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"})
_UNKNOWN_CA = frozenset({2, 18, 19, 20, 21})


class Connected(Protocol):
    """A connection, whatever is spoken on it."""

    def socket(self) -> socket.socket:
        """The socket, with TLS if there is any."""

    def shutdown(self) -> None:
        """Close it."""


class _Silent:
    """A connection on which nobody has said anything yet."""

    def __init__(self, url: UpstreamUrl, context: ssl.SSLContext) -> None:
        plain = socket.create_connection((url.host, url.port), _TIMEOUT.connect)
        if url.http != "https":
            self._socket = plain
            return
        try:
            self._socket = context.wrap_socket(plain, server_hostname=url.host)
        except BaseException:
            plain.close()
            raise

    def socket(self) -> socket.socket:
        """See `Connected`."""
        return self._socket

    def shutdown(self) -> None:
        """See `Connected`."""
        self._socket.close()


def connect_imap(url: UpstreamUrl, ca: Path | None) -> IMAPClient:
    """A connection with TLS as the URL says, before login.

    Raises:
        CheckFailed: There is none, and why.
    """
    return connect(url, ca)


def connect(url: UpstreamUrl, ca: Path | None) -> Any:
    """The same, to a server of any kind; see `Connected`.

    Raises:
        CheckFailed: There is none, and why.
    """
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    try:
        return _open(url, context)
    except ssl.SSLCertVerificationError as error:
        raise CheckFailed(_distrusted(error, url)) from error
    except (OSError, IMAPClientError) as error:
        raise CheckFailed(_unreachable(error, url)) from error


def _open(url: UpstreamUrl, context: ssl.SSLContext) -> Any:
    if url.http:
        return _Silent(url, context)
    direct = url.kind == "imaps"
    client = IMAPClient(
        url.host,
        url.port,
        ssl=direct,
        ssl_context=context if direct else None,
        timeout=_TIMEOUT,
    )
    try:
        if url.kind == "imap+starttls":
            _starttls(client, context, url)
    except BaseException:
        client.shutdown()
        raise
    return client


def _starttls(client: IMAPClient, context: ssl.SSLContext, url: UpstreamUrl) -> None:
    if b"STARTTLS" not in client.capabilities():
        raise CheckFailed(
            f"the server on port {url.port} does not offer STARTTLS: use "
            f"imaps://{url.host}, or ask its administrator"
        )
    client.starttls(context)


def _unreachable(error: Exception, url: UpstreamUrl) -> str:
    place = f"{url.host} port {url.port}"
    match error:
        case socket.gaierror():
            text = f"the name {url.host} is not found in DNS ({error.strerror}): check it"
        case ConnectionRefusedError():
            usual = "https 443" if url.http else "imaps 993, imap 143"
            text = f"{place} refuses connections: check the port ({usual})"
        case TimeoutError():
            text = (
                f"{place} says nothing: a firewall may be in between, or the port is for TLS "
                "from the start (imaps://) while the URL says otherwise"
            )
        case ssl.SSLError() if error.reason in _NO_TLS and url.http:
            text = f"{place} does not speak TLS: check the port"
        case ssl.SSLError() if error.reason in _NO_TLS:
            text = f"{place} does not begin with TLS: try imap+starttls://{url.host}"
        case ssl.SSLError():
            text = f"TLS with {place} failed: {error.reason or error}"
        case OSError():
            text = f"{place} cannot be reached: {error.strerror or error}"
        case _ if told(error) in {"", "None"}:
            text = f"{place} does not greet as an IMAP server does"
        case _:
            text = f"{place} is no IMAP server, or turned us away: {told(error)}"
    return text


def _distrusted(error: ssl.SSLCertVerificationError, url: UpstreamUrl) -> str:
    certificate = _unverified(url)
    code, names = error.verify_code, _names(certificate)
    if code in {_HOSTNAME, _ADDRESS}:
        return (
            f"the certificate is not for {url.host} but for {names}: use a name that it has in "
            "the URL"
        )
    if code in {_EXPIRED, _NOT_YET_VALID} and certificate is not None:
        start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return f"the certificate is good from {start:%Y-%m-%d} to {end:%Y-%m-%d} only: renew it"
    if code in _UNKNOWN_CA:
        issuer = (
            "somebody unknown" if certificate is None else certificate.issuer.rfc4514_string()
        )
        return (
            f"the certificate is signed by a CA that is not trusted here ({issuer}): if it is "
            "your own, give its certificate by --upstream-ca FILE (upstream.ca)"
        )
    return f"the certificate is not trusted: {error.verify_message}"


def _unverified(url: UpstreamUrl) -> x509.Certificate | None:
    """The certificate as shown to anybody, to say what is in it. Nothing else is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        client = _open(url, context)
    except (OSError, IMAPClientError, CheckFailed):
        return None
    try:
        return x509.load_der_x509_certificate(client.socket().getpeercert(binary_form=True))
    except ValueError:
        return None
    finally:
        client.shutdown()


def _names(certificate: x509.Certificate | None) -> str:
    if certificate is None:
        return "another name"
    try:
        found = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value
    except x509.ExtensionNotFound:
        return certificate.subject.rfc4514_string() or "no name at all"
    names = found.get_values_for_type(x509.DNSName)
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return ", ".join([*names, *addresses]) or "no name at all"


def connection_found(client: Connected, url: UpstreamUrl) -> Finding:
    """Who answered, and what protects the connection."""
    socket_ = client.socket()
    place = f"connected to {socket_.getpeername()[0]} port {url.port}"
    if isinstance(socket_, ssl.SSLSocket):
        return _tls(place, socket_)
    if url.is_loopback:
        return good(f"{place}, without TLS, on this machine")
    return doubt(f"{place}, without TLS: passwords and mail are readable on the way")


def _tls(place: str, socket_: ssl.SSLSocket) -> Finding:
    certificate = x509.load_der_x509_certificate(socket_.getpeercert(binary_form=True) or b"")
    end = certificate.not_valid_after_utc
    text = (
        f"{place}, {socket_.version()}, certificate\nfor {_names(certificate)}\n"
        f"by {certificate.issuer.rfc4514_string()}\ngood until {end:%Y-%m-%d}"
    )
    left = end - datetime.now(UTC)
    return doubt(f"{text}: {counted(left.days, 'day')} left") if left < _SOON else good(text)


def log_in(client: IMAPClient, login: Login) -> Finding:
    """Log in as the gateway would.

    Raises:
        CheckFailed: The server did not let us in, and why.
    """
    announced = client.capabilities()
    if b"LOGINDISABLED" in announced:
        raise CheckFailed(
            "the server takes no password without TLS (LOGINDISABLED): use imaps:// or "
            "imap+starttls://"
        )
    plain = b"AUTH=PLAIN" in announced
    try:
        _authenticate(client, login, plain=plain)
    except LoginError as error:
        raise CheckFailed(_not_let_in(told(error))) from None
    except (OSError, IMAPClientError) as error:
        raise CheckFailed(f"the connection was lost at login: {told(error)}") from None
    user = printable(login.user)
    return good(f"logged in as {user} by {'AUTHENTICATE PLAIN' if plain else 'LOGIN'}")


def _authenticate(client: IMAPClient, login: Login, *, plain: bool) -> None:
    password = login.password.get_secret_value()
    if plain:
        client.sasl_login("PLAIN", lambda _: b"\0".join((b"", login.user, password)))
        return
    try:
        client.login(login.user.decode("ascii"), password.decode("ascii"))
    except UnicodeDecodeError:
        raise CheckFailed(
            "the server offers LOGIN only, and this check cannot send a name or password with "
            "other than ASCII characters by it; the gateway can"
        ) from None


def _not_let_in(text: str) -> str:
    if "[UNAVAILABLE]" in text.upper():
        return f"the server cannot check passwords now: {text}"
    return (
        f"the server refused the name or password: {text}\n"
        "Some providers want an app password, or the whole address as the name."
    )


def hang_up(client: IMAPClient) -> None:
    """End the connection, politely if it is still there."""
    try:
        client.logout()
    except (OSError, IMAPClientError):
        client.shutdown()


def told(error: Exception) -> str:
    """An error's text, which may quote the server: one line, nothing odd."""
    return printable(str(error).encode("utf-8", "backslashreplace"))
