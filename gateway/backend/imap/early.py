"""Commands that are sent before it is known that they are needed."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure as Reason

from gateway.backend.imap.encoder import Word
from gateway.backend.imap.responses import Status


class Early:
    """The part of a connection that keeps their answers until somebody asks."""

    # Of the class while there are none: nearly always, and for thousands of connections.
    _ahead: Mapping[tuple[bytes, ...], Deferred[Any]] = {}

    def command(self, *words: Word) -> Deferred[Status]:
        """See `gateway.backend.imap.connection.Connection.command`."""
        raise NotImplementedError

    def send_ahead(self, *words: bytes) -> "Deferred[None]":
        """Send a command before it is known to be needed; `ask` gets its answer.

        Returns:
            Fires when the answer has come, or never will.
        """
        answer: Deferred[Any] = Deferred()
        answered: Deferred[None] = Deferred()

        def take(result: Any) -> None:
            answer.callback(result.value if isinstance(result, Reason) else result)
            answered.callback(None)

        self._ahead = {**self._ahead, words: answer}
        self.command(*words).addBoth(take)
        return answered

    async def ask(self, *words: bytes) -> Status:
        """The answer to a command: to the one that was sent ahead, or to a new one."""
        answer = self._ahead.get(words) or self.command(*words)
        self._ahead = {key: each for key, each in self._ahead.items() if key != words}
        status: Status | Exception = await answer
        if isinstance(status, Exception):
            raise status
        return status

    def was_sent_ahead(self, *words: bytes) -> bool:
        """Whether `ask` will not send it again."""
        return words in self._ahead

    def forget_ahead(self) -> None:
        """What was sent ahead and never asked for tells how things were then."""
        self._ahead = {}
