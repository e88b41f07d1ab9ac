"""The port's session on an HTTP mailbox."""

from gateway.backend.budget import Budget
from gateway.backend.http.api import Api
from gateway.backend.http.client import Caller
from gateway.backend.port import Body, Capabilities
from gateway.index import Index
from gateway.maildrop import CommitPlan, Maildrop, Outcome, Ref
from gateway.telemetry import Emitter


class HttpSession:
    """One login; see `gateway.backend.port.ReusableSession`. Refs are the upstream's ids.

    Args:
        api: The driver's.
        caller: Sends requests for this login.
        index: Where records are kept.
        budget: Octets asked for ahead, of all sessions.
        account: Names the mailbox in the index.
        emit: Where events go.
    """

    def __init__(
        self,
        api: Api,
        caller: Caller,
        *,
        index: Index,
        budget: Budget,
        account: str,
        emit: Emitter,
    ) -> None:
        raise NotImplementedError

    @property
    def capabilities(self) -> Capabilities:
        """What this upstream promises."""
        raise NotImplementedError

    async def snapshot(self) -> Maildrop:
        """List the mailbox, or what changed; learn sizes as the settings say."""
        raise NotImplementedError

    def body(self, ref: Ref, top: int | None = None) -> Body:
        """One message of the snapshot."""
        raise NotImplementedError

    async def commit(self, plan: CommitPlan) -> Outcome:
        """Remove exactly the messages of the plan."""
        raise NotImplementedError

    @property
    def reusable(self) -> bool:
        """Whether nothing is under way."""
        raise NotImplementedError

    def rest(self) -> None:
        """See `gateway.backend.port.ReusableSession.rest`."""
        raise NotImplementedError

    async def revive(self) -> None:
        """See `gateway.backend.port.ReusableSession.revive`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Let go of everything."""
        raise NotImplementedError
