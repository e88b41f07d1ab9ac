"""The one lock of the mailbox (rule 11)."""

import secrets
from collections.abc import Callable

from gateway.mailbox_server.problems import Problem


class Lock:
    """Held by one token until given back or run out.

    Args:
        now: A clock in seconds that never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._token = ""
        self._until = 0.0

    def take(self, ttl: int) -> str:
        """The token of a new lock.

        Raises:
            Problem: Somebody has it.
        """
        left = self._until - self._now()
        if self._token and left > 0:
            headers = {"Retry-After": str(max(1, round(left)))}
            raise Problem(423, "locked", "Another session has the mailbox.", headers)
        self._token = secrets.token_urlsafe(24)
        self._until = self._now() + ttl
        return self._token

    def keep(self, token: str, ttl: int) -> None:
        """Hold on for another while.

        Raises:
            Problem: It is not held by this token.
        """
        self._check(token)
        self._until = self._now() + ttl

    def release(self, token: str) -> None:
        """Give it back.

        Raises:
            Problem: It is not held by this token.
        """
        self._check(token)
        self._token = ""

    def _check(self, token: str) -> None:
        held = self._token and self._until > self._now()
        # Compared even if it has run out, and in constant time: a token is a secret.
        if not (secrets.compare_digest(token.encode(), self._token.encode()) and held):
            raise Problem(404, "lock-unknown", "It has run out, or there never was one.")
