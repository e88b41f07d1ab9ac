"""What the selected mailbox tells about itself while a session lasts. Knows no I/O.

Untagged data may come at any time (RFC 3501 §7). Nothing of it ever changes the
message-numbers of a session; it is only noted here, for those who ask.
"""

from gateway.backend.imap.responses import Count, Meaning, Status, Vanished


class Mailbox:
    """The state of the one mailbox that a connection has selected.

    Attributes:
        exists: The number of messages now; None until told.
        uidnext: What the next message's UID will be at the least, as told at SELECT.
        expunged: How many were removed by anyone since the mailbox was selected.
        uidvalidity: As told first; None until told.
        moved: Whether another UIDVALIDITY was told later: no UID means anything any more.
        read_only: Whether the server will change nothing.
        sticky: Whether UIDs outlive the session (RFC 4315 §3, UIDNOTSTICKY).
        modseq: The number of the latest change, if the server counts them (RFC 7162 §3.1.2).
        vanished: What went before this session, as far as was asked: ranges of UIDs.
    """

    __slots__ = (
        "exists",
        "expunged",
        "modseq",
        "moved",
        "read_only",
        "sticky",
        "uidnext",
        "uidvalidity",
        "vanished",
    )

    def __init__(self) -> None:
        self.exists: int | None = None
        self.expunged = 0
        self.uidnext: int | None = None
        self.uidvalidity: int | None = None
        self.moved = False
        self.read_only = False
        self.sticky = True
        self.modseq: int | None = None
        self.vanished: tuple[tuple[int, int], ...] = ()

    def note(self, meaning: Meaning) -> None:
        """Take in whatever the server said."""
        match meaning:
            case Count(kind=b"EXISTS", number=number):
                self.exists = number
            case Count(kind=b"EXPUNGE"):
                self.remove(1)
            case Vanished(spans=spans, earlier=True):
                self.vanished += spans
            case Vanished():
                self.remove(meaning.count)
            case Status(code=code, argument=argument) if code:
                self._code(code, argument)

    def remove(self, count: int) -> None:
        """So many messages are gone."""
        self.expunged += count
        if self.exists is not None:
            self.exists = max(0, self.exists - count)

    def _code(self, code: bytes, argument: bytes) -> None:
        if code == b"UIDVALIDITY" and argument.isdigit():
            value = int(argument)
            self.moved = self.moved or self.uidvalidity not in {None, value}
            self.uidvalidity = self.uidvalidity or value
        elif code == b"UIDNEXT" and argument.isdigit():
            self.uidnext = int(argument)
        elif code == b"HIGHESTMODSEQ" and argument.isdigit():
            self.modseq = self.modseq or int(argument)
        elif code in {b"READ-ONLY", b"READ-WRITE"}:
            self.read_only = code == b"READ-ONLY"
        elif code == b"UIDNOTSTICKY":
            self.sticky = False
