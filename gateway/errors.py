"""The closed set of failures.

Each failure has one row in the table of `gateway.pop3.replies`, which holds what the
client is told. The `detail` given here is for the log only: it may quote the
upstream, and must never quote a secret.
"""


class Failure(Exception):
    """What can go wrong between a POP3 client and its mailbox; use a subclass.

    Args:
        detail: One line for the administrator's log. Never sent to the client.

    Attributes:
        upstream: The URL of the upstream that a failed login had come to, empty for that of
            the settings; None if it had come to none.
    """

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.upstream: str | None = None


class BadCredentials(Failure):
    """The upstream or the directory said no to this name and password.

    Args:
        detail: As of every failure.
        wait: Seconds that the client shall wait for the answer, counted from his attempt;
            the usual time if that is longer.
    """

    def __init__(self, detail: str = "", wait: float = 0) -> None:
        super().__init__(detail)
        self.wait = wait


class ConsentMissing(Failure):
    """The owner's OAuth2 consent is missing or its refresh failed; the password is fine."""


class Throttled(Failure):
    """Too many or too soon: the client shall come back later."""


class MaildropBusy(Failure):
    """Another session holds the lease on this maildrop."""


class Unavailable(Failure):
    """The upstream cannot be reached, timed out, or failed in a way that may pass."""


class Misconfigured(Failure):
    """It will not work until somebody changes something: TLS identity, route, scope."""


class MessageGone(Failure):
    """The message was removed elsewhere since this session's snapshot."""


class EpochChanged(Failure):
    """UIDVALIDITY (or its like) moved: no ref of this session means anything any more."""


class BodyBroken(Failure):
    """A message failed after its first octet was on the wire; it must not be completed."""


class PartialCommit(Failure):
    """UPDATE ended and some of the marked messages are still there."""


class BadCommand(Failure):
    """The client's line breaks the grammar or does not belong to this state."""
