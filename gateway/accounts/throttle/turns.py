"""One at a time: a guesser with a hundred connections learns no more at once than with one."""

from collections import deque

from twisted.internet.defer import Deferred


class Turns:
    """Hands out turns by name, first come, first served.

    Not Twisted's DeferredLock: it resumes the next one inside the end of the one before, and
    hundreds that are all refused at once would be one deep recursion.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Deferred[None]]] = {}
        self._ended: deque[str] = deque()
        self._ending = False

    async def take(self, name: str) -> None:
        """Wait for a turn, which `end` must end."""
        queue = self._waiting.get(name)
        if queue is None:
            self._waiting[name] = deque()
            return
        turn: Deferred[None] = Deferred()
        queue.append(turn)
        await turn

    def end(self, name: str) -> None:
        """It is the next one's turn."""
        self._ended.append(name)
        if self._ending:
            return
        self._ending = True
        while self._ended:
            self._next(self._ended.popleft())
        self._ending = False

    def _next(self, name: str) -> None:
        queue = self._waiting[name]
        while queue:
            turn = queue.popleft()
            if not turn.called:  # a cancelled one has no use for it
                turn.callback(None)
                return
        del self._waiting[name]
