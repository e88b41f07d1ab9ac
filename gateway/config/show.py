"""The effective settings as a TOML file, secrets hidden."""

import tomlkit
from pydantic import SecretBytes, SecretStr

from gateway.config.kinds import tidy
from gateway.config.tree import Settings
from gateway.settings import Section

Plain = str | bool | int | float | list["Plain"]


def show(settings: Settings) -> str:
    """TOML that a run with `--config` reads to the same effect, but for the secrets."""
    document = tomlkit.document()
    for name in type(settings).model_fields:
        document.add(name, _table(getattr(settings, name)))
    return tomlkit.dumps(document)


def _table(section: Section) -> tomlkit.items.Table:
    table = tomlkit.table()
    values = {name: getattr(section, name) for name in type(section).model_fields}
    for name, value in values.items():
        if value is None:
            table.add(tomlkit.comment(f"{name} is not set"))
        elif not isinstance(value, Section):
            table.add(name, _plain(value))
    for name, value in values.items():
        if isinstance(value, Section):
            table.add(name, _table(value))
    return table


def _plain(value: object) -> Plain:
    if isinstance(value, SecretStr | SecretBytes):
        return "***"
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, bool | int | float):
        return tidy(value)
    return str(value)
