"""TLS options for both sides, made by Twisted from files of an administrator."""

import re
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    optionsForClientTLS,
    trustRootFromCertificates,
)

from gateway.errors import Misconfigured

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


def server_options(certificate_file: Path, key_file: Path) -> CertificateOptions:
    """How to speak TLS 1.2 or later as the owner of a certificate.

    Args:
        certificate_file: PEM: our certificate first, then the chain above it.
        key_file: PEM: its private key, not encrypted. May be the same file.

    Raises:
        Misconfigured: A file cannot be used, or the two do not belong together.
    """
    own, *chain = _certificates(certificate_file)
    # pyOpenSSL wants cryptography's objects, Twisted's annotations are older than that.
    made: Any = CertificateOptions
    options: CertificateOptions = made(
        privateKey=_key(key_file),
        certificate=own,
        extraCertChain=chain,
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )
    try:
        options.getContext()
    except SSL.Error as error:
        raise Misconfigured(
            f"the key in {key_file} does not belong to the first certificate in "
            f"{certificate_file}: put the server's own certificate first, or name its key"
        ) from error
    return options


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
