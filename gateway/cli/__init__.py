"""The command `pop3-gateway`: one file for each of its commands."""

import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Any

import click

from gateway import __version__

_HELP = """\
Serve a modern mailbox to clients that can only speak POP3.

POP3 in front, an IMAP server behind: a client logs in with the name and password of its IMAP
account and finds its INBOX. Nothing is kept here; what a client deletes is deleted there.

\b
A gateway for the machine it runs on, at 127.0.0.1:1110:
    pop3-gateway serve --upstream imaps://imap.example.org
\b
For an office, with TLS:
    pop3-gateway serve --upstream imaps://imap.example.org \\
        --listen-tls 0.0.0.0:995 --cert pop.pem --key pop.key
\b
Before that, see whether the upstream does:
    pop3-gateway check-upstream imaps://imap.example.org --user kim

`pop3-gateway config-reference` has every setting, `pop3-gateway COMMAND --help` every flag.
The rest is in the directory docs: architecture.md, operations.md and more.
"""

# Where each command is. They are imported when needed, so that the quick ones are quick.
_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "serve": "gateway.cli.serve:serve",
        "check-upstream": "gateway.cli.check_upstream:check_upstream",
        "check-config": "gateway.cli.config_commands:check_config",
        "show-config": "gateway.cli.config_commands:show_config",
        "config-reference": "gateway.cli.config_commands:config_reference",
        "probe": "gateway.cli.probe:probe",
        "demo": "gateway.cli.demo:demo",
        "account": "gateway.cli.accounts.many:account",
        "device": "gateway.cli.accounts.device:device",
        "provider": "gateway.cli.accounts.provider:provider",
        "invite": "gateway.cli.accounts.people:invite",
        "admin": "gateway.cli.accounts.people:admin",
        "console-link": "gateway.cli.console_link:console_link",
        "accounts": "gateway.cli.accounts.keys:accounts",
        "test-alarm": "gateway.cli.alarm:send_test",
        "throttle": "gateway.cli.throttle:throttle",
        "mailbox-server": "gateway.cli.mailbox_server:mailbox_server",
        "check-mailbox": "gateway.cli.check_mailbox:check_mailbox",
    }
)


class LazyGroup(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """In the order of the table, most used first."""
        return list(_COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """The command, None if there is none of this name."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        """Run; a mistake of the program itself is said to be one before its traceback."""
        try:
            return super().main(args, *rest, **more)
        except Exception:  # noqa: BLE001  # whatever it is, the user must not be left alone
            click.echo(
                "pop3-gateway: stopped by a mistake of its own. Please report these lines; "
                "they may hold names of hosts and users.",
                err=True,
            )
            traceback.print_exc()
            sys.exit(1)


@click.command(cls=LazyGroup, help=_HELP)
@click.version_option(__version__, prog_name="pop3-gateway", message="%(prog)s %(version)s")
def main() -> None:
    """The group itself does nothing."""
