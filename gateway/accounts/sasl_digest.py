"""APOP (RFC 1939 §7) and CRAM-MD5 (RFC 2195): a digest of a challenge and the password.

Both need the password itself on our side, so they are for devices whose password somebody
chose to keep. MD5 is what the two are made of; nothing else of ours uses it.
"""

import hashlib
import hmac
import re
from collections.abc import Callable

from gateway.accounts.sasl import Credentials, SaslError, name
from gateway.maildrop import Digest

_DIGEST = re.compile(rb"[0-9a-fA-F]{32}")


def challenge(fresh: Callable[[], bytes]) -> bytes:
    """A challenge in the shape of a Message-ID, which is never the same twice.

    Args:
        fresh: Gives octets that nobody can foresee, of A-Z, a-z, 0-9, `-` and `_`.
    """
    return b"<%b@pop3-gateway>" % fresh()


def parse(response: bytes) -> tuple[bytes, bytes]:
    """Name and digest of `NAME DIGEST`, the digest in lower case.

    Raises:
        SaslError: It is not of this form.
    """
    user, _, digest = response.rpartition(b" ")
    if _DIGEST.fullmatch(digest) is None:
        raise SaslError("a name and 32 hexadecimal digits expected")
    return name(user), digest.lower()


class CramMd5:
    """One exchange; the first word is ours."""

    def __init__(self, fresh: Callable[[], bytes]) -> None:
        self.first_challenge = challenge(fresh)

    def respond(self, response: bytes) -> Credentials:
        """The credentials: whether they are right is for the directory to say."""
        user, digest = parse(response)
        return Credentials(user, Digest("cram-md5", self.first_challenge, digest))


def matches(digest: Digest, password: bytes) -> bool:
    """Whether this password gives the digest; takes the same time either way."""
    if digest.method == "apop":
        right = hashlib.md5(digest.challenge + password, usedforsecurity=False).hexdigest()
    else:
        right = hmac.new(password, digest.challenge, "md5").hexdigest()
    return hmac.compare_digest(right.encode(), digest.digest)
