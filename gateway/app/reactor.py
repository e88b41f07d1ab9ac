"""The reactor of a worker: Twisted's on epoll, with less between the poller and a socket.

Twisted runs each read and write inside a context for its log (six calls of Python), which
nothing here uses. Without it a small message costs a tenth less. What this stands on is
private to Twisted, so that a version which lacks it gets its own way back.
"""

import errno
import gc
import select
import sys
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor
from twisted.internet.tcp import Port
from twisted.python import log

_log_failure: Any = log.err
_install: Any = installReactor
_READABLE = EPollReactor._POLL_IN  # noqa: SLF001
_NEEDED = ("_poller", "_selectables", "_reads", "_doReadOrWrite", "_disconnectSelectable")
# Youngest objects before the collector looks at them: with Python's 700 it does so for every
# few messages, and nearly all of what it looks at goes by itself.
_YOUNG = 20_000


class LeanReactor(EPollReactor):
    """An epoll reactor that calls readers directly."""

    _read_or_write: Any = EPollReactor._doReadOrWrite  # noqa: SLF001
    _add_reader: Any = EPollReactor.addReader
    _disconnect: Any = EPollReactor._disconnectSelectable  # noqa: SLF001

    def addReader(self, reader: Any) -> None:  # noqa: N802 - Twisted's name
        """Read from this; of several workers at one listening socket, only one is woken."""
        descriptor = reader.fileno()
        if not isinstance(reader, Port) or descriptor in self._reads:
            self._add_reader(reader)
            return
        self._poller.register(descriptor, _READABLE | select.EPOLLEXCLUSIVE)
        self._reads.add(descriptor)
        self._selectables[descriptor] = reader

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - Twisted's name
        """Wait for sockets, and let them read and write."""
        try:
            events = self._poller.poll(
                -1 if timeout is None else timeout, len(self._selectables)
            )
        except OSError as error:
            if error.errno == errno.EINTR:
                return
            raise
        selectables = self._selectables
        for descriptor, event in events:
            selectable = selectables.get(descriptor)
            if selectable is None:  # closed by one of the others
                continue
            if event == _READABLE:
                self._read(selectable)
            else:
                self._read_or_write(selectable, descriptor, event)

    doIteration = doPoll  # noqa: N815 - Twisted's name

    def _read(self, selectable: Any) -> None:
        try:
            why = selectable.doRead()
        except BaseException as error:  # noqa: BLE001 - as Twisted does: only this one ends
            why = error
            _log_failure()
        if why:
            self._disconnect(selectable, why, True)


def install() -> None:
    """Make it this process' reactor, unless there is one or it would not work."""
    gc.set_threshold(_YOUNG, 10, 10)
    if "twisted.internet.reactor" in sys.modules:
        return
    make: Any = LeanReactor
    reactor = make()
    if all(hasattr(reactor, name) for name in _NEEDED):
        _install(reactor)
