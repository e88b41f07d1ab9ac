"""What to enter where: the field names of common devices and mail programs.

Makers name the fields differently from model to model; the values are the same everywhere.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.admin.console.place import Place


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one kind of device or program.

    Attributes:
        key: For the page's anchors.
        name: Of the device or program.
        where: Where its settings are.
        rows: Names of fields, and what to enter.
        note: What else to know.
        text: Lines for a file or a command, instead of rows.
    """

    key: str
    name: str
    where: str = ""
    rows: Sequence[tuple[str, str]] = ()
    note: str = ""
    text: str = ""


_PASSWORD = "the device password"  # noqa: S105 - it says where it is
_NO_APOP = "off, unless the password is kept for it"


def recipes(place: Place, user: str) -> Sequence[Recipe]:
    """All of them, devices first."""
    return tuple(make(place, user) for make in _ALL)


def _tls(place: Place) -> str:
    return "on" if place.tls_port else "off"


def _generic(place: Place, user: str) -> Recipe:
    rows = [
        ("Incoming server type", "POP3"),
        ("Server", place.host),
        ("Port", str(place.port)),
        ("Encryption (SSL/TLS)", place.security),
        ("User or login name", user),
        ("Password", _PASSWORD),
    ]
    if place.tls_port and place.plain_port:
        rows.append(("Port, if it has no TLS", str(place.plain_port)))
    note = "Let it look for mail every 5 minutes or less often."
    return Recipe("any", "Any scanner, copier or ticket system", rows=rows, note=note)


def _epson(place: Place, user: str) -> Recipe:
    return Recipe(
        "epson",
        "Epson",
        "Web Config → Network → Email Server → Basic",
        (
            ("Authentication Method", "POP before SMTP"),
            ("Authenticated Account", user),
            ("Authenticated Password", _PASSWORD),
            ("POP3 Server Address", place.host),
            ("POP3 Server Port Number", str(place.plain_port or place.port)),
        ),
    )


def _fuji(place: Place, user: str) -> Recipe:
    return Recipe(
        "fuji",
        "FUJIFILM and Fuji Xerox",
        "CentreWare or Internet Services → Properties → Connectivity → Protocols → POP3",
        (
            ("POP3 Server Name / IP Address", place.host),
            ("Port Number", str(place.plain_port or place.port)),
            ("POP Receive Password Encryption", "POP3 (no APOP)"),
            ("Login Name", user),
            ("Password", _PASSWORD),
        ),
        "Older ones know port 110 alone, and always delete what they have fetched.",
    )


def _brother(place: Place, user: str) -> Recipe:
    return Recipe(
        "brother",
        "Brother",
        "Web Based Management → Network → Protocol → POP3/SMTP",
        (
            ("POP3 Server Address", place.host),
            ("POP3 Port", str(place.port)),
            ("Mailbox Name", user),
            ("Mailbox Password", _PASSWORD),
            ("Use APOP", _NO_APOP),
            ("POP3 with SSL/TLS", _tls(place)),
        ),
    )


def _canon(place: Place, user: str) -> Recipe:
    return Recipe(
        "canon",
        "Canon",
        "Remote UI → Settings → TX/Send Settings → E-Mail/I-Fax",
        (
            ("POP Server", place.host),
            ("POP User Name", user),
            ("POP Password", _PASSWORD),
            ("POP Port Number", str(place.port)),
            ("Use APOP Authentication", _NO_APOP),
            ("Use TLS for POP", _tls(place)),
        ),
    )


def _hp(place: Place, user: str) -> Recipe:
    return Recipe(
        "hp",
        "HP",
        "Embedded Web Server → Settings → Email Server → Incoming E-mail",
        (
            ("POP3 Server", place.host),
            ("Username", user),
            ("Password", _PASSWORD),
        ),
        "There is no field for a port: it is 110, without TLS.",
    )


def _ricoh(place: Place, user: str) -> Recipe:
    return Recipe(
        "ricoh",
        "Ricoh",
        "Web Image Monitor → Device Management → Configuration → Email",
        (
            ("Reception Protocol", "POP3"),
            ("POP3/IMAP4 Server Name", place.host),
            ("POP3/IMAP4 Encryption", "Off (no APOP)"),
            ("POP3 Reception Port", str(place.port)),
            ("SSL", _tls(place)),
            ("User Name", user),
            ("Password", _PASSWORD),
        ),
    )


def _thunderbird(place: Place, user: str) -> Recipe:
    return Recipe(
        "thunderbird",
        "Thunderbird",
        "Account Settings → Account Actions → Add Mail Account → Configure manually",
        (
            ("Protocol", "POP3"),
            ("Hostname", place.host),
            ("Port", str(place.port)),
            ("Connection security", place.security),
            ("Authentication method", "Normal password"),
            ("Username", user),
        ),
        "Untick “Leave messages on server” only if they shall be deleted there.",
    )


def _outlook(place: Place, user: str) -> Recipe:
    return Recipe(
        "outlook",
        "Outlook (classic)",
        "File → Add Account → Advanced options → Let me set up my account manually → POP",
        (
            ("Incoming mail server", place.host),
            ("Port", str(place.port)),
            ("Requires an encrypted connection (SSL/TLS)", _tls(place)),
            ("User name", user),
            ("Password", _PASSWORD),
            ("Secure Password Authentication (SPA)", "off"),
        ),
    )


def _apple(place: Place, user: str) -> Recipe:
    return Recipe(
        "apple",
        "Apple Mail",
        "Mail → Add Account → Other Mail Account",
        (
            ("Account Type", "POP"),
            ("Incoming Mail Server", place.host),
            ("User Name", user),
            ("Password", _PASSWORD),
            ("Port, in Server Settings", str(place.port)),
            ("Use TLS/SSL", _tls(place)),
        ),
    )


def _fetchmail(place: Place, user: str) -> Recipe:
    tls = "\n    ssl sslproto auto" if place.tls_port else ""
    quoted = user.replace("\\", "\\\\").replace('"', '\\"')
    text = (
        f"poll {place.host} protocol POP3 service {place.port} uidl\n"
        f'    user "{quoted}" password "DEVICE-PASSWORD" is "$USER" here{tls}\n'
        "    keep\n"
    )
    return Recipe("fetchmail", "fetchmail", "~/.fetchmailrc", text=text)


def _mpop(place: Place, user: str) -> Recipe:
    tls = "on\ntls_starttls off" if place.tls_port else ("on" if place.stls else "off")
    text = (
        f"account gateway\nhost {place.host}\nport {place.port}\ntls {tls}\nuser {user}\n"
        "password DEVICE-PASSWORD\nkeep on\ndelivery maildir ~/Maildir\n"
    )
    return Recipe("mpop", "mpop", "~/.mpoprc", text=text)


def _curl(place: Place, user: str) -> Recipe:
    scheme = "pop3s" if place.tls_port else "pop3"
    more = " --ssl-reqd" if place.security == "STARTTLS" else ""
    text = f"curl{more} --user {shlex.quote(user)} {scheme}://{place.host}:{place.port}/\n"
    note = "It asks for the password, and lists the messages. Add a number to see one."
    return Recipe("curl", "curl, to try it", text=text, note=note)


_ALL: Sequence[Callable[[Place, str], Recipe]] = (
    _generic,
    _epson,
    _fuji,
    _brother,
    _canon,
    _hp,
    _ricoh,
    _thunderbird,
    _outlook,
    _apple,
    _fetchmail,
    _mpop,
    _curl,
)
