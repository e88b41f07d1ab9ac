"""How many connections there may be, in all and from one address."""

from collections import Counter

from gateway.server.settings import LimitSettings


class ConnectionCount:
    """Counts connections and says when there are enough."""

    def __init__(self, settings: LimitSettings) -> None:
        self._settings = settings
        self._by_address: Counter[str] = Counter()
        self.total = 0

    def enter(self, address: str) -> bool:
        """Count a connection; False if it is one too many, and then it is not counted."""
        if (
            self.total >= self._settings.connections
            or self._by_address.get(address, 0) >= self._settings.connections_per_address
        ):
            return False
        self.total += 1
        self._by_address[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Take a counted connection off."""
        self.total -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
