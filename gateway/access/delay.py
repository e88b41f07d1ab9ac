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

    def enter(self, account: str) -> None:
        """Note a login.

        Raises:
            Throttled: The last one was too short a time ago; this one does not count.
        """
        if not self._seconds:
            return
        now = self._now()
        self._forget_before(now - self._seconds)
        if account in self._logins:
            raise Throttled(f"last login less than {self._seconds:g} s ago")
        self._logins[account] = now

    def _forget_before(self, then: float) -> None:
        while self._logins and next(iter(self._logins.values())) <= then:
            self._logins.popitem(last=False)
