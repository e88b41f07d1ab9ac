"""The keys of a profile, made from its classes: the second half of docs/profiles.md."""

import inspect
from collections.abc import Iterator

from gateway.backend.profile.schema import TABLES
from gateway.config.kinds import describe
from gateway.config.reference import default_of
from gateway.settings import Section

HEAD = (
    "<!-- Made by `pop3-gateway config-reference --profiles`; change the classes instead. -->"
)
_SEVERAL = frozenset({"login"})


def profile_reference() -> str:
    """From the comment that says so to the end of the page."""
    return "\n".join([f"{HEAD}\n", *_tables()])


def _tables() -> Iterator[str]:
    for table, section in TABLES.items():
        title = f"[[{table}]]" if table in _SEVERAL else f"[{table}]"
        yield f"### {title if table else 'Before any table'}\n"
        yield f"{inspect.cleandoc(section.__doc__ or '')}\n"
        yield "\n".join(_rows(table, section)) + "\n"


def _rows(table: str, section: type[Section]) -> Iterator[str]:
    yield "| Key | Value | Default | |"
    yield "| --- | --- | --- | --- |"
    for name, field in section.model_fields.items():
        if (f"{table}.{name}" if table else name) not in TABLES:
            cells = (f"`{name}`", describe(field), default_of(field), field.description or "")
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
