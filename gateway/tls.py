"""TLS for both sides: options from files of an administrator, and what speaks it.

What STARTTLS and STLS begin is Twisted's own and not of here; it only costs more.
"""

import re
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, ITransport
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure as Reason

from gateway.errors import Misconfigured

# OpenSSL keeps room for as much as it was ever given at once, for each connection.
_PORTION: Final = 1 << 15
_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def client_options(
    hostname: str, ca_file: Path | None = None
) -> IOpenSSLClientConnectionCreator:
    """How to speak TLS 1.2 or later with a server whose certificate must fit `hostname`.

    Args:
        hostname: A name or an address.
        ca_file: The only authorities to trust, in PEM; those of the system without it.

    Raises:
        Misconfigured: The file cannot be used.
    """
    return optionsForClientTLS(
        hostname,
        trustRoot=None if ca_file is None else _authorities(ca_file),
        extraCertificateOptions={"raiseMinimumTo": TLSVersion.TLSv1_2},
    )


def server_options(
    certificate_file: Path, key_file: Path, *, legacy: bool = False
) -> CertificateOptions:
    """How to speak TLS 1.2 or later as the owner of a certificate.

    Args:
        certificate_file: PEM: our certificate first, then the chain above it.
        key_file: PEM: its private key, not encrypted. May be the same file.
        legacy: Whether TLS 1.0 and 1.1 will do, too, and the ciphers of their time.

    Raises:
        Misconfigured: A file cannot be used, or the two do not belong together.
    """
    own, *chain = _certificates(certificate_file)
    # pyOpenSSL wants cryptography's objects, Twisted's annotations are older than that.
    made: Any = CertificateOptions
    least = "insecurelyLowerMinimumTo" if legacy else "raiseMinimumTo"
    options: CertificateOptions = made(
        privateKey=_key(key_file),
        certificate=own,
        extraCertChain=chain,
        **{least: TLSVersion.TLSv1_0 if legacy else TLSVersion.TLSv1_2},
    )
    try:
        context = options.getContext()
        # Twisted's own cuts off who offers a protocol (ALPN) that nobody asked him for.
        context.set_alpn_select_callback(_any_protocol)
    except SSL.Error as error:
        raise Misconfigured(
            f"the key in {key_file} does not belong to the first certificate in "
            f"{certificate_file}: put the server's own certificate first, or name its key"
        ) from error
    if legacy:
        _lower(context)
    return options


def _any_protocol(_connection: SSL.Connection, _offered: list[bytes]) -> Any:
    return SSL.NO_OVERLAPPING_PROTOCOLS  # which of them it is, is left open


def _lower(context: SSL.Context) -> None:
    """OpenSSL 3 signs with SHA-1, as TLS below 1.2 must, at its security level 0 alone."""
    context.set_cipher_list(b"DEFAULT:!aNULL:!eNULL:@SECLEVEL=0")
    # The system's openssl.cnf may have raised it.
    context.set_min_proto_version(SSL.TLS1_VERSION)


def server_factory(options: Any, factory: Any) -> TLSMemoryBIOFactory:
    """What accepts connections with TLS from the first octet.

    Its protocols write together what belongs together. Twisted's default, which waits a
    turn of the reactor for more, would only cost that turn.
    """
    wrapper = TLSMemoryBIOFactory(options, isClient=False, wrappedFactory=factory)
    wrapper.protocol = TLSMemoryBIOProtocol
    return wrapper


def client_factory(options: Any, factory: Any) -> TLSMemoryBIOFactory:
    """What makes connections with TLS from the first octet, for a lot of data to us."""
    wrapper = TLSMemoryBIOFactory(options, isClient=True, wrappedFactory=factory)
    wrapper.protocol = _Gathering
    return wrapper


def above(protocol: Any) -> Any:
    """The protocol that a connection of `client_factory` carries."""
    return protocol.wrappedProtocol.protocol


class _Gathering(TLSMemoryBIOProtocol):
    """Hands on in one piece what one read has brought.

    Servers make records of 4 KiB, thirty of them to a read; what is done with a piece
    costs more than its decryption.
    """

    def __init__(self, factory: TLSMemoryBIOFactory, wrappedProtocol: Any) -> None:  # noqa: N803 - Twisted's name
        self._gathered = _Gathered(wrappedProtocol)
        base: Any = super()
        base.__init__(factory, self._gathered)

    def dataReceived(self, data: bytes) -> None:
        base: Any = super()
        for start in range(0, len(data), _PORTION):
            base.dataReceived(data[start : start + _PORTION])
        self._gathered.hand_on()


class _Gathered:
    """Stands between TLS and its protocol."""

    __slots__ = ("_pieces", "protocol")

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self._pieces: list[bytes] = []

    def makeConnection(self, transport: ITransport) -> None:  # noqa: N802 - Twisted's name
        self.protocol.makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        self._pieces.append(data)

    def hand_on(self) -> None:
        if self._pieces:
            pieces, self._pieces = self._pieces, []
            self.protocol.dataReceived(b"".join(pieces))

    def connectionLost(self, reason: Reason = connectionDone) -> None:
        self.hand_on()
        self.protocol.connectionLost(reason)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {error.strerror}") from error


def _authorities(path: Path) -> Any:
    return trustRootFromCertificates(  # type: ignore[no-untyped-call]
        [Certificate.loadPEM(each.public_bytes(Encoding.PEM)) for each in _certificates(path)]
    )


def _certificates(path: Path) -> list[x509.Certificate]:
    blocks = _CERTIFICATE.findall(_read(path))
    if not blocks:
        raise Misconfigured(f"no certificate in {path}: give one or more in PEM form")
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise Misconfigured(f"a certificate in {path} is damaged: replace the file") from error


def _key(path: Path) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(_read(path), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:  # TypeError: encrypted
        raise Misconfigured(
            f"no usable private key in {path}: give it in PEM form and not encrypted"
        ) from error
