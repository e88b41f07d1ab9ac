"""Quota units: how many a mailbox may cost, and what each method costs.

https://developers.google.com/workspace/gmail/api/reference/quota. Google counts by user and
minute. Half of a minute's units may be spent at once and the others come evenly, so that
no minute ever sees more than allowed.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gateway.backend.gmail.settings import GmailSettings
from gateway.errors import Throttled

# By the last part of the path; what has none of these is about one message.
_UNITS: Final = {
    ("GET", "profile"): 1,
    ("GET", "history"): 2,
    ("GET", "INBOX"): 1,
    ("GET", "messages"): 5,
    ("POST", "trash"): 5,
    ("POST", "modify"): 5,
    ("POST", "batchModify"): 50,
    ("POST", "batchDelete"): 50,
}
_DELETE: Final = 10
_MOST_MAILBOXES: Final = 100_000


class Bucket:
    """The units that one mailbox has.

    Args:
        per_minute: How many.
        now: Seconds by a clock that never goes back.
    """

    def __init__(self, per_minute: int, now: Callable[[], float]) -> None:
        self._most = per_minute / 2
        self._rate = per_minute / 120
        self._left = self._most
        self._at = now()
        self._now = now

    def _fill(self) -> None:
        now = self._now()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now

    @property
    def full(self) -> bool:
        """Whether it may as well be forgotten."""
        self._fill()
        return self._left >= self._most

    def wait_for(self, units: int) -> float:
        """Seconds until so many units are there for the one who asks now."""
        self._fill()
        return max(0.0, (units - self._left) / self._rate)

    def take(self, units: int) -> None:
        """Take them, even before they are there: who comes next waits the longer."""
        self._fill()
        self._left -= units

    def give_back(self, units: int) -> None:
        """They were not used after all."""
        self._left = min(self._most, self._left + units)


class Quota:
    """The units of all mailboxes of one upstream.

    Args:
        settings: How many, and how long to wait.
        reactor: Tells the time.
    """

    def __init__(self, settings: GmailSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        self._buckets: OrderedDict[bytes, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    async def spend(self, mailbox: bytes, method: str, url: str) -> None:
        """Wait until a request may be sent.

        Raises:
            Throttled: That would take too long.
        """
        units = self.units(method, url)
        bucket = self._bucket(mailbox)
        seconds = bucket.wait_for(units)
        if seconds > self._settings.quota_wait:
            raise Throttled(
                f"the mailbox has spent its quota of {self._settings.units_per_minute} units "
                "a minute (upstream.gmail.units_per_minute)"
            )
        bucket.take(units)
        if not seconds:
            return
        over: Deferred[None] = deferLater(self._reactor, seconds)
        try:
            await over
        except BaseException:  # nobody wants the answer any more
            bucket.give_back(units)
            raise

    def units(self, method: str, url: str) -> int:
        """What a request costs."""
        last = urlsplit(url).path.rpartition("/")[2]
        if method == "DELETE":
            return _DELETE
        return _UNITS.get((method, last), self._settings.units_per_message)

    def _bucket(self, mailbox: bytes) -> Bucket:
        bucket = self._buckets.get(mailbox)
        if bucket is None:
            bucket = Bucket(self._settings.units_per_minute, self._reactor.seconds)
            self._buckets[mailbox] = bucket
        self._buckets.move_to_end(mailbox)
        while len(self._buckets) > 1 and (
            len(self._buckets) > _MOST_MAILBOXES or next(iter(self._buckets.values())).full
        ):
            self._buckets.popitem(last=False)
        return bucket
