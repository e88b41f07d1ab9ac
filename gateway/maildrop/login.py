"""Who wants in: what a client showed, and what an upstream is shown for him."""

from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import SecretBytes


class Tokens(Protocol):
    """Access tokens (RFC 6749 §1.4) of one mailbox, shown instead of a password."""

    async def token(self) -> bytes:
        """The token to use now.

        Raises:
            ConsentMissing: There is none, and none to be had.
            Unavailable: Whoever issues them does not answer.
        """

    async def renew(self, refused: bytes) -> bytes:
        """The token after the upstream refused one; the same if there is no other.

        Raises:
            ConsentMissing, Unavailable: As `token`.
        """


@dataclass(frozen=True, slots=True)
class Login:
    """What an upstream is shown.

    Attributes:
        user: The name, any octets except NUL, CR and LF.
        password: The same for the password; its repr shows nothing. Not used with `tokens`.
        peer: The client's address in text form, without the port; empty if unknown.
        tokens: Opens the mailbox instead of a password.
    """

    user: bytes
    password: SecretBytes
    peer: str = ""
    tokens: Tokens | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """A password shown by what only its owner can calculate of a challenge.

    Attributes:
        method: APOP (RFC 1939 §7) or CRAM-MD5 (RFC 2195).
        challenge: What we sent, angle brackets included.
        digest: What came back: 32 hexadecimal digits in lower case.
    """

    method: Literal["apop", "cram-md5"]
    challenge: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class BearerToken:
    """A token that the client itself got (RFC 7628, XOAUTH2)."""

    token: SecretBytes


@dataclass(frozen=True, slots=True)
class Scram:
    """How an exchange of SCRAM-SHA-256 (RFC 7677) ended.

    Attributes:
        device: Whose verifier it was, as `ScramVerifier.device` had it.
        proven: Whether the client knows the password.
    """

    device: str
    proven: bool


Proof = SecretBytes | Digest | BearerToken | Scram
"""What a client shows: a password (USER/PASS, PLAIN, LOGIN), or what stands for one."""


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """What the server must know of a password for SCRAM-SHA-256 (RFC 5802 §3).

    Attributes:
        device: Whose it is; empty for a name that is not known, whose verifier is made up
            so that nobody can tell.
    """

    device: str
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


@dataclass(frozen=True, slots=True)
class Attempt:
    """A client's try to log in, octet for octet.

    Attributes:
        user: The name, any octets except NUL, CR and LF.
        proof: What he shows for it; its repr shows no secret.
        peer: The client's address in text form, without the port; empty if unknown.
        tls: The version of TLS that the connection has, e.g. `TLSv1.3`; empty without.
    """

    user: bytes
    proof: Proof
    peer: str = ""
    tls: str = ""
