"""LOGIN-DELAY (RFC 2449 §6.5): the least time between two logins to one maildrop."""

from collections import OrderedDict
from collections.abc import Callable

from gateway.errors import Throttled


class LoginDelays:
    """Remembers the last login of each account for as long as it matters.

    Args:
        seconds: The delay; 0 is none.
        now: A clock in seconds that never goes back.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._now = now
        self._logins: OrderedDict[str, float] = OrderedDict()

    def check(self, account: str) -> None:
        """Whether a login may go on.

        Raises:
            Throttled: The last one was too short a time ago.
        """
        self._forget_before(self._now() - self._seconds)
        if account in self._logins:
            raise Throttled(f"last login less than {self._seconds:g} s ago")

    def note(self, account: str) -> None:
        """A login has succeeded; one that failed must not keep its client out."""
        if self._seconds:
            self._logins[account] = self._now()

    def _forget_before(self, then: float) -> None:
        while self._logins and next(iter(self._logins.values())) <= then:
            self._logins.popitem(last=False)
