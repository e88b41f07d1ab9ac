"""The IMAP capabilities that matter to the gateway, and what each means for it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gateway.cli.upstream.findings import Finding, doubt, note


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a capability is good for here.

    Attributes:
        name: As announced; one that ends in "=" stands for all that begin so.
        there: What its presence means.
        missing: What its absence means.
        wanted: Whether something is worse without it.
    """

    name: str
    there: str
    missing: str
    wanted: bool = False


MEANINGS = (
    Meaning(
        "UIDPLUS",
        "removes exactly the messages that a client deleted",
        "removing takes more steps, to spare messages that others marked \\Deleted",
        wanted=True,
    ),
    Meaning(
        "MOVE",
        "deleted messages can go to a folder in one step",
        "moving to a folder is copying and deleting",
    ),
    Meaning("SASL-IR", "saves a round trip at login", "login takes a round trip more"),
    Meaning(
        "LITERAL+",
        "names and passwords of any octets without a round trip",
        "unusual names and passwords take a round trip more",
    ),
    Meaning("ESEARCH", "large maildrops are listed briefly", "every message is listed in full"),
    Meaning("CONDSTORE", "changes can be told from a number", "changes are told by listing"),
    Meaning(
        "QRESYNC", "removed messages can be asked for", "removed messages are told by listing"
    ),
    Meaning(
        "ID",
        "the client's address can be passed on (send_id)",
        "the server's log shows the gateway's address for everybody",
    ),
    Meaning(
        "OBJECTID",
        "messages have ids that outlive a move of the mailbox",
        "unique-ids are UIDVALIDITY.UID: new ones if the mailbox is rebuilt",
    ),
)


def told(announced: Collection[bytes]) -> Iterator[Finding]:
    """One line for each capability that matters."""
    names = {name.decode("ascii", "replace").upper() for name in announced}
    # LITERAL- is LITERAL+ up to 4096 octets, which a login never reaches (RFC 7888 §5).
    names |= {"LITERAL+"} if "LITERAL-" in names else set()
    for meaning in MEANINGS:
        there = meaning.name in names
        line = f"{meaning.name:<10}{'yes' if there else 'no':<4}"
        text = line + (meaning.there if there else meaning.missing)
        yield doubt(text) if meaning.wanted and not there else note(text)
