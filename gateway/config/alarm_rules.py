"""The rules for alarms."""

from collections.abc import Iterator
from ipaddress import ip_address

from gateway.config.rule import Breach, Rule, file
from gateway.config.tree import Settings

_MAIL = ("alarms.mail_to", "alarms.mail_from", "alarms.smtp_host")
_LOGIN = ("alarms.smtp_user", "alarms.smtp_password_file", "alarms.smtp_tls")


def _mail(settings: Settings) -> Iterator[Breach]:
    alarms = settings.alarms
    if not alarms.mail_to:
        return
    for number, address in enumerate(alarms.mail_to, 1):
        yield from _address(f"alarms.mail_to[{number}]", address)
    yield from _address("alarms.mail_from", alarms.mail_from)
    if not alarms.smtp_host:
        yield Breach(
            "alarms.smtp_host", "is missing", "name the mail server that takes the alarms"
        )


def _address(key: str, text: str) -> Iterator[Breach]:
    local, at, domain = text.rpartition("@")
    sound = at and local and domain and text.isascii() and text.isprintable()
    if not sound or set(text) & set(" <>,;"):
        yield Breach(
            key,
            "is no address of mail" if text else "is missing",
            'write it bare, as in "office@example.org"',
        )


def _login(settings: Settings) -> Iterator[Breach]:
    alarms = settings.alarms
    if bool(alarms.smtp_user) != bool(alarms.smtp_password_file):
        missing = "smtp_password_file" if alarms.smtp_user else "smtp_user"
        yield Breach(f"alarms.{missing}", "is missing", "give both or neither")
    if alarms.smtp_user and alarms.smtp_tls == "none" and not _is_here(alarms.smtp_host):
        yield Breach(
            "alarms.smtp_tls",
            "the password would go over the network without TLS",
            'write "starttls" or "implicit"',
        )
    yield from file("alarms.smtp_password_file", alarms.smtp_password_file)


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _files(settings: Settings) -> Iterator[Breach]:
    yield from file("alarms.ca", settings.alarms.ca)
    yield from file("alarms.webhook_file", settings.alarms.webhook_file)


def _office(settings: Settings) -> Iterator[Breach]:
    """Alarms come from the process beside the workers, and are about the directory."""
    if not settings.alarms.wanted:
        return
    if not settings.console.listen and not settings.metrics.listen:
        yield Breach(
            "alarms",
            "nobody would raise them",
            "set console.listen or metrics.listen: the process of these raises the alarms",
        )
    if settings.store is None:
        yield Breach(
            "accounts.store",
            "is missing: alarms are about accounts and devices there",
            'set store = "embedded" in [accounts]',
        )


ALARM_RULES = (
    Rule(_MAIL, _mail),
    Rule((*_LOGIN, "alarms.smtp_host"), _login),
    Rule(("alarms.ca", "alarms.webhook_file"), _files),
    Rule(
        ("alarms", "alarms.webhook_file", "console.listen", "metrics.listen", "accounts.store"),
        _office,
    ),
)
