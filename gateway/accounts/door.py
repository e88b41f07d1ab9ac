"""The port between a client's try to log in and the upstream that will serve him."""

from dataclasses import dataclass
from typing import Protocol

from gateway.errors import Failure
from gateway.maildrop import Attempt, Login, ScramVerifier


@dataclass(frozen=True, slots=True)
class Admission:
    """Where a client's mail is, and what opens it.

    Attributes:
        upstream: The URL of the upstream; empty for the one of the settings.
        login: What the upstream is shown.
        account: The account's name; empty if the client is passed through.
        device: The device's name; empty if the client is passed through.
    """

    upstream: str
    login: Login
    account: str = ""
    device: str = ""

    @property
    def proven(self) -> bool:
        """Whether we ourselves know the client: what the upstream refuses is not his fault.

        An account without a device is one whose client shows the upstream's own password.
        """
        return bool(self.device)


class Door(Protocol):
    """Decides who is let through, and remembers how it went."""

    async def admit(self, attempt: Attempt) -> Admission:
        """Let a client through to an upstream, or not.

        Raises:
            BadCredentials: Unknown name, wrong password, revoked device, outside its fence:
                the client cannot tell which.
            Throttled: Too many, too soon.
            ConsentMissing, Misconfigured, Unavailable
        """

    async def ended(
        self, attempt: Attempt, admission: Admission, failure: Failure | None
    ) -> None:
        """How it ended, as the client is told: None if the maildrop is open. Never raises.

        Of `BadCredentials`, the time of the answer may be made longer.
        """

    async def verifier(self, user: bytes) -> ScramVerifier:
        """For SCRAM-SHA-256: of a name that is not known, one that is made up.

        Raises:
            Unavailable: The directory cannot be read.
        """
