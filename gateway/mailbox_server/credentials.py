"""Who may have the mailbox (rule 12): Basic with a name and password, or Bearer tokens.

Guessing is not slowed down here: a server that others can reach must do that, and count
distinct wrong passwords, not repetitions of one.
"""

import base64
import hmac
from binascii import Error as NotBase64
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.mailbox_server.problems import Problem

_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Credentials:
    """All that are right. Their repr shows none.

    Attributes:
        account: The name, for Basic and for the session.
        password: Its password; None if there is none.
        tokens: Bearer tokens.
    """

    account: str
    password: bytes | None = field(default=None, repr=False)
    tokens: Sequence[bytes] = field(default=(), repr=False)

    def check(self, authorization: bytes | None) -> None:
        """Let right ones pass.

        Raises:
            Problem: They are not, whatever is wrong with them.
        """
        scheme, _, rest = (authorization or b"").partition(b" ")
        checks = {b"basic": self._basic, b"bearer": self._bearer}
        check = checks.get(scheme.lower())
        if check is None or len(rest) > _LONGEST or not check(rest.strip()):
            challenge = self._challenge()
            raise Problem(401, "unauthorized", "Wrong credentials, or none.", challenge)

    def _basic(self, encoded: bytes) -> bool:
        try:
            name, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except NotBase64:
            return False
        # Both are compared, always: the time tells nothing.
        fits = _same(name, self.account.encode()) & _same(password, self.password or b"")
        return fits and self.password is not None

    def _bearer(self, token: bytes) -> bool:
        return sum(_same(token, right) for right in self.tokens) > 0

    def _challenge(self) -> dict[str, str]:
        scheme = "Bearer" if self.password is None else "Basic"
        return {"WWW-Authenticate": f'{scheme} realm="mailbox"'}


def _same(one: bytes, other: bytes) -> bool:
    """Digests are compared, so that not even the length takes part in the time."""
    return hmac.compare_digest(sha256(one).digest(), sha256(other).digest())
