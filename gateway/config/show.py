"""The effective settings as a TOML file, secrets hidden."""

import tomlkit
from pydantic import SecretBytes, SecretStr

from gateway.config.kinds import tidy
from gateway.config.tree import Settings
from gateway.config.upstream_url import NOWHERE
from gateway.settings import Section

Plain = str | bool | int | float | list["Plain"]


def show(settings: Settings) -> str:
    """TOML that a run with `--config` reads to the same effect, but for the secrets."""
    document = tomlkit.document()
    _fill(document, settings)
    return tomlkit.dumps(document)


def _table(section: Section) -> tomlkit.items.Table:
    table = tomlkit.table()
    _fill(table, section)
    return table


def _fill(table: tomlkit.TOMLDocument | tomlkit.items.Table, section: Section) -> None:
    """Plain values first: what follows a table in TOML belongs to that."""
    values = {name: getattr(section, name) for name in type(section).model_fields}
    for name, value in values.items():
        if value is None or value == NOWHERE:
            table.add(tomlkit.comment(f"{name} is not set"))
        elif not isinstance(value, Section) and not _tables(value):
            table.add(name, _plain(value))
    for name, value in values.items():
        if isinstance(value, Section):
            table.add(name, _table(value))
        elif entries := _tables(value):
            table.add(name, _list(entries))


def _tables(value: object) -> list[Section]:
    """The entries of a list of tables, if it is one that has any."""
    entries = value if isinstance(value, tuple) else ()
    return [entry for entry in entries if isinstance(entry, Section)]


def _list(entries: list[Section]) -> tomlkit.items.AoT:
    found = tomlkit.aot()
    for entry in entries:
        found.append(_table(entry))
    return found


def _plain(value: object) -> Plain:
    if isinstance(value, SecretStr | SecretBytes):
        return "***"
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | float):
        return tidy(value)
    return str(value)
