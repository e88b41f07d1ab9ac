"""TRANSACTION (RFC 1939 §5): the frozen maildrop, its marks, and the commands on them."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

from gateway.maildrop import Maildrop, Marks
from gateway.pop3 import capa, commands, multiline, replies
from gateway.pop3.events import (
    Close,
    Commit,
    Effects,
    Release,
    Send,
    SendBody,
    SendListing,
)
from gateway.pop3.offer import Offer
from gateway.pop3.replies import Refused
from gateway.pop3.settings import Pop3Settings

_DONE: Final = Send(replies.DONE)


class NoSuchMessage(Exception):
    """The message-number is out of range or marked; carries the reply."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


class Transaction:
    """Numbers never move here: what the upstream does meanwhile is not seen."""

    __slots__ = ("_maildrop", "_marks", "_offer", "_settings")

    def __init__(self, settings: Pop3Settings, offer: Offer, maildrop: Maildrop) -> None:
        self._settings = settings
        self._offer = offer
        self._maildrop = maildrop
        self._marks = Marks(maildrop)

    def handle(self, command: commands.Command) -> Effects:
        """Carry out one command.

        Raises:
            Refused: It does not belong here.
        """
        handler = self._HANDLERS.get(type(command))
        if handler is None:
            raise Refused(replies.WRONG_STATE_AFTER_LOGIN)
        try:
            return handler(self, command)
        except NoSuchMessage as missing:
            return [Send(missing.reply)]

    @property
    def messages(self) -> int:
        """How many messages are not marked."""
        return len(self._maildrop) - len(self._marks)

    @property
    def octets(self) -> int:
        """How many octets they have."""
        return self._maildrop.total - self._marks.octets

    def _index(self, number: int) -> int:
        """Where the columns hold this message: RFC 1939 knows it only while unmarked."""
        if not 1 <= number <= len(self._maildrop.refs):
            raise NoSuchMessage(replies.NO_SUCH_MESSAGE)
        if number in self._marks:
            raise NoSuchMessage(replies.MARKED)
        return number - 1

    def _capa(self, _: commands.Capa) -> Effects:
        return [Send(capa.reply(self._settings, self._offer, stls=False))]

    def _stat(self, _: commands.Stat) -> Effects:
        return [Send(replies.stat(self.messages, self.octets))]

    def _list(self, command: commands.List) -> Effects:
        if command.number is not None:
            octets = self._maildrop.octets[self._index(command.number)]
            return [Send(replies.scan(command.number, octets))]
        first = replies.listing(self.messages, self.octets)
        return [Send(first), SendListing(multiline.sizes(self._maildrop, self._marks))]

    def _uidl(self, command: commands.Uidl) -> Effects:
        if command.number is not None:
            identifier = self._maildrop.unique_ids[self._index(command.number)]
            return [Send(replies.unique_id(command.number, identifier))]
        pieces = multiline.unique_ids(self._maildrop, self._marks)
        return [Send(replies.DONE), SendListing(pieces)]

    def _retr(self, command: commands.Retr) -> Effects:
        return self._body(command.number, None)

    def _top(self, command: commands.Top) -> Effects:
        return self._body(command.number, command.lines)

    def _body(self, number: int, top: int | None) -> Effects:
        index = self._index(number)
        return [SendBody(self._maildrop.refs[index], self._maildrop.octets[index], top)]

    def _dele(self, command: commands.Dele) -> Effects:
        self._index(command.number)
        self._marks.add(command.number)
        return [Send(replies.marked(command.number))]

    def _noop(self, _: commands.Noop) -> Effects:
        return [_DONE]

    def _rset(self, _: commands.Rset) -> Effects:
        self._marks.clear()
        return [Send(replies.reset(self.messages, self.octets))]

    def _quit(self, _: commands.Quit) -> Effects:
        """The marks are all that UPDATE has to do; without one there is nothing to wait for."""
        if len(self._marks):
            return [Commit(self._marks.plan())]
        return [Send(replies.GOODBYE), Release(), Close()]

    _HANDLERS: ClassVar[Mapping[type, Callable[..., Effects]]] = {
        commands.Capa: _capa,
        commands.Stat: _stat,
        commands.List: _list,
        commands.Uidl: _uidl,
        commands.Retr: _retr,
        commands.Top: _top,
        commands.Dele: _dele,
        commands.Noop: _noop,
        commands.Rset: _rset,
        commands.Quit: _quit,
    }
