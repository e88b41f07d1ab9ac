"""Certificates for loopback: a trusted one, one for a wrong name, one from a stranger."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

# 127.0.0.2 is where a server listens that must not take its peer for itself.
LOOPBACK = ("localhost", "127.0.0.1", "127.0.0.2", "::1")
# A name that no resolver knows (RFC 6761 §6.4): only a proxy of ours leads there.
FAR = "mail.invalid"


@dataclass(frozen=True)
class Pair:
    """A certificate chain and its key, each in a PEM file, and both in a third."""

    certificate: Path
    key: Path
    combined: Path


@dataclass(frozen=True)
class Certificates:
    """``authority`` is the CA's PEM file.

    ``server`` is good for loopback and ``far`` for `FAR`; the other two are good for nothing.
    """

    authority: Path
    server: Pair
    far: Pair
    wrong_name: Pair
    stranger: Pair

    def client_context(self):
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificates(directory):
    directory = Path(directory)
    authority = trustme.CA()
    authority_file = directory / "authority.pem"
    authority.cert_pem.write_to_path(str(authority_file))
    return Certificates(
        authority=authority_file,
        server=_pair(directory, "server", authority.issue_cert(*LOOPBACK)),
        far=_pair(directory, "far", authority.issue_cert(FAR)),
        wrong_name=_pair(directory, "wrong-name", authority.issue_cert("wrong.example")),
        stranger=_pair(directory, "stranger", trustme.CA().issue_cert(*LOOPBACK)),
    )


def _pair(directory, name, issued):
    pair = Pair(
        certificate=directory / f"{name}.crt",
        key=directory / f"{name}.key",
        combined=directory / f"{name}.pem",
    )
    for number, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(pair.certificate), append=number > 0)
    issued.private_key_pem.write_to_path(str(pair.key))
    issued.private_key_and_cert_chain_pem.write_to_path(str(pair.combined))
    for path in (pair.key, pair.combined):
        path.chmod(0o600)
    return pair
