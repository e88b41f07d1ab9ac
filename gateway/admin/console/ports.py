"""What the console asks of the rest of the house."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from gateway.accounts.oauth.presets import Endpoints
from gateway.accounts.oauth.service import DevicePending, Pending, Waiting
from gateway.accounts.throttle.entries import Entry
from gateway.admin.live import Live
from gateway.telemetry import Emitter


class Parts(Protocol):
    """What it is built of; `gateway.admin.parts.OfficeParts` is one."""

    @property
    def settings(self) -> dict[str, Any]:
        """The whole tree, as plain values."""

    @property
    def live(self) -> Live:
        """The workers."""

    @property
    def store(self) -> Any:
        """The directory: `gateway.accounts.store.Store`."""

    @property
    def throttle(self) -> Any:
        """`Locks`; None without."""

    @property
    def oauth(self) -> Any:
        """`SignIn`; None without."""

    @property
    def url(self) -> str:
        """How browsers reach the console."""

    @property
    def clock(self) -> Any:
        """The reactor."""

    @property
    def now(self) -> Callable[[], float]:
        """Seconds since 1970."""

    @property
    def emit(self) -> Emitter:
        """Takes the events."""


class Locks(Protocol):
    """`gateway.accounts.throttle.store.ThrottleStore`: synchronous and quick."""

    def entries(self) -> Sequence[Entry]:
        """What is held against whom."""

    def lift(self, key: str | None) -> int:
        """Forget it; how many wrong passwords that were."""


class SignIn(Protocol):
    """`gateway.accounts.oauth.service.SignIn`, which tells more.

    All raise SignInRefused, Unavailable, Misconfigured.
    """

    async def begin_code(self, account: str, redirect_uri: str) -> tuple[str, Pending]:
        """Begin in a browser."""

    async def finish_code(self, pending: Pending, query: str) -> object:
        """The browser is back."""

    async def begin_device(self, account: str) -> DevicePending:
        """Begin by a code."""

    async def poll_device(self, pending: DevicePending) -> object | Waiting:
        """Whether it was entered."""

    async def client_credentials(self, account: str) -> object:
        """As the application itself."""

    async def endpoints(self, provider: str) -> Endpoints:
        """What a provider offers."""

    async def withdraw(self, account: str) -> None:
        """Forget the tokens."""
