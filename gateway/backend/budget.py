"""Octets of messages asked for ahead: one bound for all sessions of a process together."""


class Budget:
    """Octets that all sessions together may keep.

    Args:
        octets: How many.
    """

    def __init__(self, octets: int) -> None:
        self._left = octets

    def take(self, octets: int) -> bool:
        """Take some; False if there are not so many left."""
        if octets > self._left:
            return False
        self._left -= octets
        return True

    def give(self, octets: int) -> None:
        """Give them back."""
        self._left += octets
