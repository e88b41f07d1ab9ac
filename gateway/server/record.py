"""What a connection notes of itself: read while it lasts, and told by `Closed` at its end."""

from dataclasses import dataclass

from gateway.accounts.door import Admission
from gateway.maildrop import Outcome
from gateway.server.entrance import TlsState
from gateway.server.events import Closed


@dataclass(frozen=True, slots=True)
class Facts:
    """A connection as it is at the moment.

    Attributes:
        number: Its number in this process.
        peer: The client's address.
        listener: Where it came in, as the settings call it.
        tls: The version of TLS, e.g. `TLSv1.3`; empty without.
        cipher: The cipher's name; empty without.
        legacy: Whether its TLS is below 1.2.
        user: What the client gave as its name; empty before.
        account: The account's name; empty if passed through or not logged in.
        device: The device's name; empty likewise.
        upstream: The URL of the mailbox; empty before login, and for that of the settings.
        age: Seconds since it began.
        state: `authorization`, `transaction` or `update`.
        messages: Retrieved so far.
        octets: Sent so far.
    """

    number: int
    peer: str
    listener: str
    tls: str
    cipher: str
    legacy: bool
    user: str
    account: str
    device: str
    upstream: str
    age: float
    state: str
    messages: int
    octets: int


@dataclass(slots=True)
class Record:
    """Notes of one connection.

    Attributes:
        peer: The client's address.
        listener: Where it came in.
        since: When, by the connection's clock.
        number: Its number in this process.
        login: How the last login went: empty, `ok`, or the failure's name.
        reason: Why the connection ends.
    """

    peer: str
    listener: str
    since: float
    number: int = 0
    user: str = ""
    account: str = ""
    device: str = ""
    upstream: str = ""
    tls: str = ""
    login: str = ""
    retrieved: int = 0
    octets: int = 0
    removed: int = 0
    kept: int = 0
    reason: str = "client"

    def opened(self, admission: Admission) -> None:
        """The maildrop is open."""
        self.login = "ok"
        self.account, self.device = admission.account, admission.device
        self.upstream = admission.upstream

    def updated(self, outcome: Outcome) -> None:
        """UPDATE is done."""
        self.removed, self.kept = len(outcome.removed), len(outcome.kept)

    def facts(self, now: float, state: str, tls: TlsState) -> Facts:
        """The connection at this moment."""
        return Facts(
            number=self.number,
            peer=self.peer,
            listener=self.listener,
            tls=tls.version,
            cipher=tls.cipher,
            legacy=tls.legacy,
            user=self.user,
            account=self.account,
            device=self.device,
            upstream=self.upstream,
            age=now - self.since,
            state=state,
            messages=self.retrieved,
            octets=self.octets,
        )

    def closed(self, now: float) -> Closed:
        """The summary."""
        return Closed(
            user=self.user,
            account=self.account,
            device=self.device,
            listener=self.listener,
            tls=self.tls,
            upstream=self.upstream,
            login=self.login,
            retrieved=self.retrieved,
            octets=self.octets,
            removed=self.removed,
            kept=self.kept,
            seconds=round(now - self.since, 3),
            reason=self.reason,
        )
