"""Guessers: wrong passwords are counted, known ones held back, good ones let in at once."""

from gateway.accounts.throttle.entries import Entry
from gateway.accounts.throttle.settings import ThrottleSettings
from gateway.accounts.throttle.store import ThrottleStore
from gateway.accounts.throttle.throttle import Throttle, open_store

__all__ = ["Entry", "Throttle", "ThrottleSettings", "ThrottleStore", "open_store"]
