"""The door that the settings ask for, with whatever stands behind it."""

from typing import TYPE_CHECKING, Any

from gateway.accounts.door import Door
from gateway.accounts.passing import PassThrough
from gateway.config import Settings
from gateway.errors import Misconfigured
from gateway.telemetry import Emitter

if TYPE_CHECKING:
    from gateway.app.directory import Directory


class Doorkeeper:
    """Opens the database, and closes it in the end.

    Args:
        settings: All of them.
        reactor: For everything that waits.
        emit: Takes the events.

    Raises:
        Misconfigured: What the settings name cannot be used.

    Attributes:
        door: Lets clients in.
    """

    def __init__(self, settings: Settings, reactor: Any, emit: Emitter) -> None:
        self._directory: Directory | None = None
        self.door: Door = PassThrough()
        if settings.directory or settings.routes:
            self._directory = _directory(settings, reactor, emit)
            self.door = self._directory.door

    def start(self) -> None:
        """Begin what is done now and then."""
        if self._directory is not None:
            self._directory.start()

    def reload(self, settings: Settings) -> None:
        """Read accounts of the settings file, routes and keys again.

        Raises:
            Misconfigured: They cannot be used; the old ones stay.
        """
        if self._directory is not None:
            self._directory.reload(settings)
        elif settings.directory or settings.routes:
            raise Misconfigured("the first accounts or routes need a restart, not a signal")

    async def stop(self) -> None:
        """Finish, and close the database."""
        if self._directory is not None:
            await self._directory.stop()


def _directory(settings: Settings, reactor: Any, emit: Emitter) -> "Directory":
    # Late: who passes everybody through need not hold a database's library.
    from gateway.app.directory import Directory  # noqa: PLC0415

    return Directory(settings, reactor, emit)
