"""The rules about OAuth2."""

from collections.abc import Iterator

from gateway.accounts.oauth.fetch import checked_url
from gateway.config.rule import Breach, Rule, file
from gateway.config.tree import Settings
from gateway.errors import Misconfigured

_TABLE = "accounts.introspection"
_ENDPOINT = f"{_TABLE}.endpoint"
_STORE = "accounts.store"


def _ca(settings: Settings) -> Iterator[Breach]:
    yield from file("accounts.oauth.ca", settings.accounts.oauth.ca)


def _endpoint(settings: Settings) -> Iterator[Breach]:
    own = settings.accounts.introspection
    yield from file(f"{_TABLE}.client_secret_file", own.client_secret_file)
    if own.endpoint is None:
        return
    try:
        checked_url(own.endpoint, "it")
    except Misconfigured:
        right = "write https://..., or http://127.0.0.1:... for this machine"
        yield Breach(_ENDPOINT, "is no URL that tokens may be sent to", right)
    if not settings.accounts.store:
        yield Breach(
            _ENDPOINT,
            "is never asked: without a directory tokens are passed on",
            f'set {_STORE} = "embedded", or take it out',
        )


def _for_us(settings: Settings) -> Iterator[Breach]:
    """A token that somebody gave to another service would open his mailbox here."""
    own = settings.accounts.introspection
    if own.endpoint is not None and not (own.audience or own.scope):
        yield Breach(
            f"{_TABLE}.audience",
            "is missing: a token made for any other service would open the mailbox",
            "name what tokens must be for in audience, or a scope that they must have",
        )


OAUTH_RULES = (
    Rule(("accounts.oauth.ca",), _ca),
    Rule((_ENDPOINT, f"{_TABLE}.client_secret_file", _STORE), _endpoint),
    Rule((_ENDPOINT, f"{_TABLE}.audience", f"{_TABLE}.scope"), _for_us),
)
