"""docs/configuration.md, made from the settings classes."""

import inspect
from collections.abc import Iterator

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.kinds import describe, in_toml, is_secret
from gateway.config.tree import FLAGS, header, section_of, sections
from gateway.settings import Section

_HEAD = """\
# Configuration

Everything has a default but the upstream, so that one flag is enough to start:

    pop3-gateway serve --upstream imaps://imap.example.org

The same as a file, read by `pop3-gateway serve --config office.toml`:

    [upstream]
    url = "imaps://imap.example.org"

Settings are taken from the defaults below, then from the file ([TOML](https://toml.io)), then
from flags; the later one wins. `pop3-gateway check-config FILE` says everything that is wrong
with a file, `pop3-gateway show-config --config FILE` what is in effect. Files that work are in
`deploy/examples`. An unknown key is an error, so that a misspelt one is not silently ignored.

Times are in seconds, sizes in octets. Relative paths start from the working directory.

An address to listen on is `HOST:PORT` with an IP address of this machine or `localhost`.
`0.0.0.0:PORT` and `[::]:PORT` are every interface; the host cannot be left out. Port 0 is any
free port; the line that says the server is ready tells which. `systemd:NAME` is the socket
that systemd opened under that `FileDescriptorName=`.

A table in double brackets may be written several times; each is one more entry of a list.
Messages count them from 1 on: `listen.fenced[2].allow` is a key of the second one.

<!-- Made by `pop3-gateway config-reference`; change the settings classes instead. -->
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for table, section in sections().items():
        title = header(table) if table else "Before any table"
        yield f"## {title}\n\n{inspect.cleandoc(section.__doc__ or '')}\n"
        yield from _keys(table, section)


def _keys(table: str, section: type[Section]) -> Iterator[str]:
    for name, field in section.model_fields.items():
        if section_of(field) is not None:
            continue
        yield f"### {name}\n\n{field.description}\n"
        key = f"{table}.{name}" if table else name
        yield "\n".join(_facts(key, field)) + "\n"


def _facts(key: str, field: FieldInfo) -> Iterator[str]:
    yield f"- Value: {describe(field)}"
    yield f"- Default: {default_of(field)}"
    if key in FLAGS:
        yield f"- Flag: `{FLAGS[key]}`"


def default_of(field: FieldInfo) -> str:
    """What a key is if it is not given."""
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default_text" in extra:
        return str(extra["default_text"])
    if field.is_required():
        return "none; it must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined:
        return "not set"
    return f"`{in_toml(value.get_secret_value() if is_secret(field) else value)}`"
