"""The flags that set settings: made from the settings classes, so that the two agree."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

import click

from gateway.config import FLAGS, ConfigError, Settings, load
from gateway.config.explain import field_of

_METAVARS: Mapping[str, str] = MappingProxyType(
    {
        "upstream.url": "URL",
        "upstream.ca": "FILE",
        "upstream.http.token_file": "FILE",
        "upstream.http.token_command": "COMMAND",
        "listen.plain": "HOST:PORT",
        "listen.tls": "HOST:PORT",
        "listen.cert": "FILE",
        "listen.key": "FILE",
        "console.listen": "HOST:PORT",
        "metrics.listen": "HOST:PORT",
        "accounts.store": "STORE",
        "state.dir": "DIR",
        "log.level": "[debug|info|warning|error]",
        "log.format": "[text|json]",
    }
)
_LISTS = frozenset({"listen.plain", "listen.tls"})
_SWITCHES = frozenset({"upstream.allow_plaintext", "listen.allow_plaintext_login"})
UPSTREAM_FLAGS = (
    "upstream.ca",
    "upstream.allow_plaintext",
    "upstream.http.token_file",
    "upstream.http.token_command",
)

Command = Callable[..., Any]


def settings_options(keys: tuple[str, ...] = tuple(FLAGS)) -> Callable[[Command], Command]:
    """Adds `--config` and the flags of these keys; the command gets them by keyword."""

    def decorate(command: Command) -> Command:
        for key in reversed(keys):
            command = _option(key)(command)
        return _config_option(command)

    return decorate


def _config_option(command: Command) -> Command:
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A TOML file with settings; flags win over it.",
    )(command)


def _option(key: str) -> Callable[[Command], Command]:
    field = field_of(key)
    text = (field.description or "") if field else ""
    if key in _LISTS:
        text += " May be repeated."
    return click.option(
        FLAGS[key],
        key.replace(".", "__"),
        metavar=_METAVARS.get(key),
        multiple=key in _LISTS,
        is_flag=key in _SWITCHES,
        default=None,
        help=text.replace("`", ""),
    )


def settings_from(config: Path | None, flags: Mapping[str, object]) -> Settings:
    """The effective settings; ends the command with status 2 and every mistake if wrong."""
    try:
        return load(config, given(flags))
    except ConfigError as error:
        refuse(error)


def given(flags: Mapping[str, object]) -> Mapping[str, object]:
    """Of the flags as the command gets them, those that were given, by their dotted keys."""
    return {
        key.replace("__", "."): value
        for key, value in flags.items()
        if value is not None and value not in ((), False)
    }


def refuse(error: ConfigError) -> NoReturn:
    """Tell every mistake, and end with status 2."""
    for problem in error.problems:
        click.echo(f"pop3-gateway: {problem}", err=True)
    raise click.exceptions.Exit(2)
