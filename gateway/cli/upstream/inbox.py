"""The INBOX as an independent client sees it, read-only: nothing is changed, nothing marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imapclient import DELETED, IMAPClient

from gateway.backend.imap.settings import ImapSettings
from gateway.cli.upstream.findings import Finding, bad, counted, doubt, good, note

_SMALL = 256 * 1024
_LARGEST = 10 * 1024 * 1024
_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Inbox:
    r"""What EXAMINE and one listing tell.

    Attributes:
        uidvalidity: As announced.
        sizes: RFC822.SIZE by UID, in the order of UIDs.
        deleted: UIDs that are marked \Deleted already.
    """

    uidvalidity: int
    sizes: dict[int, int]
    deleted: frozenset[int]

    @property
    def octets(self) -> int:
        """The announced sizes together."""
        return sum(self.sizes.values())


@dataclass(frozen=True, slots=True)
class Measured:
    """A message that was fetched to count its octets."""

    uid: int
    announced: int
    sent: int


def examine(client: IMAPClient) -> Inbox:
    """Open the INBOX with EXAMINE and list it."""
    status = client.select_folder("INBOX", readonly=True)
    uids = sorted(client.search("ALL"))
    sizes: dict[int, int] = {}
    deleted: set[int] = set()
    for start in range(0, len(uids), _AT_ONCE):
        rows = client.fetch(uids[start : start + _AT_ONCE], ["RFC822.SIZE", "FLAGS"])
        for uid, row in sorted(rows.items()):
            sizes[uid] = row[b"RFC822.SIZE"]
            if DELETED in row[b"FLAGS"]:
                deleted.add(uid)
    return Inbox(int(status[b"UIDVALIDITY"]), sizes, frozenset(deleted))


def sample(inbox: Inbox, count: int) -> Sequence[int]:
    """UIDs to fetch: small messages from everywhere, and the largest within reason."""
    small = [uid for uid, octets in inbox.sizes.items() if octets <= _SMALL]
    step = max(1, -(-len(small) // count)) if count else 1
    chosen = set(small[::step][:count])
    within = [uid for uid, octets in inbox.sizes.items() if octets <= _LARGEST]
    if within and count:
        chosen.add(max(within, key=lambda uid: inbox.sizes[uid]))
    return sorted(chosen)


def measure(client: IMAPClient, inbox: Inbox, uids: Sequence[int]) -> Iterator[Measured]:
    """Fetch messages one at a time, without marking them as read, and count their octets."""
    for uid in uids:
        row = client.fetch([uid], ["BODY.PEEK[]"]).get(uid)
        if row is not None:
            yield Measured(uid, inbox.sizes[uid], len(row.get(b"BODY[]") or b""))


def sizes_found(measured: Sequence[Measured]) -> Finding:
    """Whether the announced sizes are what is sent."""
    wrong = [one for one in measured if one.announced != one.sent]
    if not measured:
        return doubt("sizes: there is no message to try")
    if not wrong:
        largest = max(one.sent for one in measured)
        messages = counted(len(measured), "message")
        return good(f"sizes are exact for {messages} fetched, the largest of {largest} octets")
    first = wrong[0]
    return bad(
        f"sizes are wrong for {len(wrong)} of {counted(len(measured), 'message')} fetched: "
        f"UID {first.uid} is announced with {first.announced} octets, but has {first.sent}\n"
        "Clients that trust the announced size may show such messages cut or fail on them."
    )


def deletion_found(inbox: Inbox, rules: ImapSettings, *, uidplus: bool) -> Iterator[Finding]:
    """Whether a client's deletions, and no others, can be carried out."""
    flag_only = rules.delete == "flag"
    if inbox.deleted:
        fate = (
            "hidden from POP3 clients, as the setting delete is flag"
            if flag_only
            else "shown to POP3 clients, and not removed unless one deletes them"
        )
        marked = counted(len(inbox.deleted), "message")
        yield doubt(f"{marked} marked \\Deleted by another program: {fate}")
    if flag_only:
        yield note("deletion only marks: nothing is removed, as the setting delete is flag")
    elif uidplus:
        yield good("deletion is exact: UID EXPUNGE removes what a client deleted, no more")
    else:
        yield doubt(
            "deletion needs care: without UIDPLUS the server can only expunge everything that\n"
            "is marked \\Deleted, so the gateway has to spare what others marked"
        )
