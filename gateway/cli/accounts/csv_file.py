"""A table of accounts as a spreadsheet writes it (RFC 4180), without the database."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from pydantic import SecretStr

from gateway.accounts.fence import parse_network
from gateway.accounts.model import Account, Device
from gateway.accounts.names import account_fault, device_fault
from gateway.config.problems import BadValue

COLUMNS = (
    "name",
    "upstream",
    "mailbox",
    "provider",
    "password",
    "note",
    "device",
    "fence",
    "tls_only",
)
_LARGEST = 64 << 20
_YES: Mapping[str, bool] = MappingProxyType(
    dict.fromkeys(("yes", "true", "1"), True) | dict.fromkeys(("no", "false", "0", ""), False)
)


class BadTable(Exception):
    """The file cannot be used; the text says where and why, and quotes no secret."""


@dataclass(frozen=True, slots=True)
class Line:
    """An account to be made.

    Attributes:
        number: Where it stands in the file; the heading is line 1.
        account: Opened by its provider, by the kept password, or by the client's own.
        device: To be made with it, without a password yet; None for none.
    """

    number: int
    account: Account
    device: Device | None


@dataclass(frozen=True, slots=True)
class Checks:
    """What only the gateway's settings and its database can tell.

    Attributes:
        upstream: The URL as all its spellings are; raises BadValue.
        providers: The names of those there are.
        own_password: Whether a line may say nothing of what opens the mailbox.
        now: Seconds since 1970.
    """

    upstream: Callable[[str], str]
    providers: frozenset[str]
    own_password: bool
    now: float


def read_text(path: Path) -> str:
    """The file's text; spreadsheets put a mark before UTF-8.

    Raises:
        BadTable: There is none.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(_LARGEST + 1)
        if len(octets) > _LARGEST:
            raise BadTable(f"{path} is larger than {_LARGEST >> 20} MiB: divide it")
        return octets.decode("utf-8-sig")
    except OSError as error:
        raise BadTable(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadTable(f"{path} is not UTF-8: save it as CSV UTF-8") from None


def lines_of(text: str, checks: Checks) -> tuple[list[Line], list[str]]:
    """The accounts, and what is wrong with the other lines.

    Raises:
        BadTable: It has no heading that could be understood.
    """
    heading = text.partition("\n")[0]
    # Spreadsheets write semicolons where the comma is in the numbers.
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(next(reader, []))
        found = list(_numbered(reader))
    except csv.Error as error:
        raise BadTable(f"line {reader.line_num}: it is no CSV: {error}") from None
    made: list[Line] = []
    wrong: list[str] = []
    first_at: dict[str, int] = {}
    for number, cells in found:
        try:
            line = _line(number, _row(columns, cells), checks)
        except BadValue as error:
            wrong.append(f"line {number}: {error}")
            continue
        earlier = first_at.setdefault(line.account.name.casefold(), number)
        if earlier != number:
            wrong.append(f"line {number}: the name is in line {earlier} already; leave one out")
        made.append(line)
    return made, wrong


def _columns(heading: Sequence[str]) -> list[str]:
    names = [cell.strip().lower() for cell in heading]
    unknown = [name for name in names if name not in COLUMNS]
    if "name" not in names or unknown or len(set(names)) < len(names):
        raise BadTable(
            "line 1 must name the columns: name, and any of "
            f"{', '.join(COLUMNS[1:])}, each once"
        )
    return names


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not empty; a cell may have several lines."""
    begin = 2
    for cells in reader:
        if any(map(str.strip, cells)):
            yield begin, cells
        begin = getattr(reader, "line_num", begin) + 1


def _row(columns: Sequence[str], cells: Sequence[str]) -> Mapping[str, str]:
    if len(cells) > len(columns) and any(map(str.strip, cells[len(columns) :])):
        raise BadValue("it has more cells than the heading", "put quotes around such texts")
    row = dict.fromkeys(COLUMNS, "")
    # A blank may be a part of a password, and of nothing else.
    row |= {
        column: cell if column == "password" else cell.strip()
        for column, cell in zip(columns, cells, strict=False)
    }
    return row


def _line(number: int, row: Mapping[str, str], checks: Checks) -> Line:
    if fault := account_fault(row["name"]):
        raise BadValue(f"the name {fault}", "give what goes with USER")
    account = Account(
        row["name"],
        upstream=checks.upstream(row["upstream"]) if row["upstream"] else "",
        mailbox=row["mailbox"],
        credential="client",
        note=row["note"],
        created=checks.now,
    )
    opened = _opened(account, row, checks)
    return Line(number, opened, _device(opened, row, checks))


def _opened(account: Account, row: Mapping[str, str], checks: Checks) -> Account:
    provider, password = row["provider"], row["password"]
    if not f"{account.mailbox}{account.note}{password}".isprintable():
        raise BadValue("there is a control character in it", "take it out")
    if provider and password:
        raise BadValue("it has a provider and a password", "leave one of the two out")
    if password:
        return replace(account, credential="password", password=SecretStr(password))
    if provider:
        if provider not in checks.providers:
            raise BadValue(
                f"there is no provider {provider}", "pop3-gateway provider list has all"
            )
        return replace(account, credential="oauth", provider=provider)
    if not checks.own_password:
        raise BadValue(
            "it has neither a provider nor a password",
            "give one, or --own-password if clients have the password of the mailbox",
        )
    return account


def _device(account: Account, row: Mapping[str, str], checks: Checks) -> Device | None:
    name = row["device"]
    if not name:
        if row["fence"] or row["tls_only"]:
            raise BadValue("fence and tls_only are of a device", "name it")
        return None
    if fault := device_fault(name):
        raise BadValue(f"the device's name {fault}", 'write e.g. "printer-2"')
    if account.credential == "client":
        raise BadValue("its clients have the password of the mailbox", "leave the device out")
    if row["tls_only"].lower() not in _YES:
        raise BadValue("tls_only is neither yes nor no", "write one of the two")
    return Device(
        account.name,
        name,
        selector="",
        hash="",
        fence=tuple(_fence(row["fence"])),
        tls_only=_YES[row["tls_only"].lower()],
        created=checks.now,
    )


def _fence(text: str) -> Iterator[str]:
    for network in text.replace(",", " ").split():
        try:
            parse_network(network)
        except ValueError as error:
            raise BadValue(f"its fence: {error}", "write e.g. 192.0.2.0/24") from None
        yield network
