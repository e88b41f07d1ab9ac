"""The rules about accounts, routes, and whether there is anywhere to lead a client to."""

from collections import Counter
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from gateway.accounts.fence import parse_network
from gateway.accounts.names import (
    ALPHABET,
    Route,
    account_fault,
    device_fault,
    template_fault,
)
from gateway.accounts.settings import AccountEntry, DeviceEntry
from gateway.config.problems import BadValue
from gateway.config.rule import Breach, Rule, file
from gateway.config.tree import Settings
from gateway.config.upstream_url import NOWHERE, UpstreamUrl

_STORE = "accounts.store"
_SECRETS = ("password", "sslpassword")


def _somewhere(settings: Settings) -> Iterator[Breach]:
    if settings.upstream.url == NOWHERE and not settings.directory and not settings.routes:
        yield Breach(
            "upstream.url",
            "is missing",
            "say where the mail is: --upstream imaps://imap.example.org, or "
            'url = "imaps://imap.example.org" in the table [upstream]',
        )


def _store(settings: Settings) -> Iterator[Breach]:
    store = settings.accounts.store
    if store in {"", "embedded"}:
        return
    right = 'write "embedded", or "postgresql://USER@HOST/DATABASE"'
    if urlsplit(store).scheme not in {"postgresql", "postgres"}:
        yield Breach(_STORE, "is neither embedded nor a URL of PostgreSQL", right)
    elif _has_password(store):
        yield Breach(
            _STORE,
            "a password has no place in the URL",
            "leave it out, and name a file with it in store_password_file",
        )


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.password is not None or any(map(parse_qs(parts.query).get, _SECRETS))
    except ValueError:
        return False


def _store_password(settings: Settings) -> Iterator[Breach]:
    accounts = settings.accounts
    key = "accounts.store_password_file"
    if accounts.store_password_file and accounts.store in {"", "embedded"}:
        yield Breach(key, "is for PostgreSQL alone", f"take it out, or set {_STORE}")
    else:
        yield from file(key, accounts.store_password_file)
    yield from file("accounts.key_file", accounts.key_file)


def _pass_to_somewhere(settings: Settings) -> Iterator[Breach]:
    nowhere = settings.upstream.url == NOWHERE and not settings.routes
    if settings.accounts.unknown == "pass" and settings.directory and nowhere:
        yield Breach(
            "accounts.unknown",
            "there is nowhere to lead a name that is not known",
            "give upstream.url or routes, or refuse it",
        )


def _routes(settings: Settings) -> Iterator[Breach]:
    for number, route in enumerate(settings.routes, 1):
        table = f"routes[{number}]"
        if not route.match.strip("@ ") or ("@" in route.match and "*" not in route.match):
            yield Breach(
                f"{table}.match",
                "is neither a domain nor a pattern",
                'write "example.org", "*@example.org" or "*"',
            )
        if fault := template_fault(route.user):
            yield Breach(f"{table}.user", fault, 'write e.g. "{user}" or "{local}"')
        yield from _upstream(settings, f"{table}.upstream", route.upstream)


def _upstream(settings: Settings, key: str, text: str) -> Iterator[Breach]:
    """A URL in this file, beside the one of `[upstream]`."""
    try:
        check_upstream(settings, UpstreamUrl.parse(text))
    except BadValue as error:
        yield Breach(key, error.wrong, error.right)


def check_upstream(settings: Settings, url: UpstreamUrl) -> None:
    """Whether passwords may be sent to where this URL leads.

    Raises:
        BadValue: They would be readable on the way.
    """
    if url.plaintext and not url.is_loopback and not settings.upstream.allow_plaintext:
        raise BadValue(
            "passwords and mail would go to another machine without TLS",
            "use TLS, or allow it by allow_plaintext = true in [upstream]",
        )


def account_upstream(settings: Settings, text: str) -> UpstreamUrl:
    """The URL of an account or provider that is kept in the database.

    Whoever may change accounts there is not therefore one who may read this machine's files.

    Raises:
        BadValue: It is none, or may not be used.
    """
    url = UpstreamUrl.parse(text)
    if url == settings.upstream.url:
        return url
    if url.kind == "maildir" or (url.profile.startswith("/")):
        raise BadValue(
            "it names a file of the gateway's machine",
            "put it into the settings file: as upstream.url, a route, or an account there",
        )
    check_upstream(settings, url)
    return url


def _accounts(settings: Settings) -> Iterator[Breach]:
    names = Counter(each.name.casefold() for each in settings.accounts.account)
    for number, account in enumerate(settings.accounts.account, 1):
        table = f"accounts.account[{number}]"
        if fault := account_fault(account.name):
            yield Breach(f"{table}.name", fault, "give the name that goes with USER")
        elif names[account.name.casefold()] > 1:
            yield Breach(f"{table}.name", "is there twice", "leave one of the two out")
        if account.upstream:
            yield from _upstream(settings, f"{table}.upstream", account.upstream)
        elif settings.upstream.url == NOWHERE and not _routed(settings, account):
            yield Breach(
                f"{table}.upstream",
                "is missing, and no route and no upstream.url is there instead",
                "give the URL of the mailbox",
            )
        yield from _credentials(table, account)
        yield from _devices(table, account)


def _routed(settings: Settings, account: AccountEntry) -> bool:
    routes = (Route(each.match, each.upstream, each.user) for each in settings.routes)
    return any(route.leads(account.name) for route in routes)


def _credentials(table: str, account: AccountEntry) -> Iterator[Breach]:
    yield from file(f"{table}.password_file", account.password_file)
    if account.device and account.password_file is None:
        yield Breach(
            f"{table}.password_file",
            "is missing: a device's password does not open the mailbox",
            "name a file with the password at the upstream",
        )
    if account.password_file is not None and not account.device:
        yield Breach(
            f"{table}.password_file",
            "is for nobody, as there is no device",
            "add one: pop3-gateway device hash prints it",
        )


def _devices(table: str, account: AccountEntry) -> Iterator[Breach]:
    names = Counter(each.name for each in account.device)
    for number, device in enumerate(account.device, 1):
        key = f"{table}.device[{number}]"
        if fault := device_fault(device.name):
            yield Breach(f"{key}.name", fault, 'write e.g. "printer-2"')
        elif names[device.name] > 1:
            yield Breach(f"{key}.name", "is there twice", "leave one of the two out")
        yield from _device(key, device)


def _device(key: str, device: DeviceEntry) -> Iterator[Breach]:
    again = "copy what pop3-gateway device hash prints"
    if len(device.selector) != 4 or not set(device.selector) <= set(ALPHABET):
        yield Breach(f"{key}.selector", "is not the beginning of a device's password", again)
    if not device.password_hash.get_secret_value().startswith("$argon2id$"):
        yield Breach(f"{key}.password_hash", "is not Argon2id", again)
    for text in device.fence:
        try:
            parse_network(text)
        except ValueError:
            yield Breach(
                f"{key}.fence",
                f'"{text}" is not a network',
                'write an address or a network, such as "192.0.2.0/24"',
            )


_ACCOUNTS, _ROUTES, _URL = "accounts.account", "routes", "upstream.url"
ACCOUNT_RULES = (
    Rule(("upstream", "accounts", _URL, _STORE, _ACCOUNTS, _ROUTES), _somewhere),
    Rule((_STORE,), _store),
    Rule((_STORE, "accounts.store_password_file", "accounts.key_file"), _store_password),
    Rule(("accounts.unknown", _STORE, _ACCOUNTS, _URL, _ROUTES), _pass_to_somewhere),
    Rule((_ROUTES, "upstream.allow_plaintext"), _routes),
    Rule((_ACCOUNTS, _ROUTES, _URL, "upstream.allow_plaintext"), _accounts),
)
