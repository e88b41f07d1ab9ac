"""The rules for the console and the metrics."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.config.addresses import ListenAddress, SystemdSocket, parse_listen
from gateway.config.listen_rules import both, pair_files
from gateway.config.problems import BadValue
from gateway.config.rule import Breach, Rule
from gateway.config.tree import Settings

_KEYS = ("console.listen", "metrics.listen")


def _texts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Those that are given, each with its key."""
    for key, text in zip(
        _KEYS, (settings.console.listen, settings.metrics.listen), strict=True
    ):
        if text:
            yield key, text


def _address(text: str) -> ListenAddress | SystemdSocket | None:
    try:
        return parse_listen(text) if text else None
    except BadValue:
        return None


def _readable(settings: Settings) -> Iterator[Breach]:
    for key, text in _texts(settings):
        try:
            parse_listen(text)
        except BadValue as error:
            yield Breach(key, error.wrong, error.right)


def _not_where_clients_connect(settings: Settings) -> Iterator[Breach]:
    listen = settings.listen
    fenced = [each.address for each in listen.fenced]
    taken = {_address(text) for text in (*listen.plain, *listen.tls, *fenced)}
    for key, text in _texts(settings):
        address = _address(text)
        if address in taken and getattr(address, "port", 1) != 0:
            yield Breach(key, "POP3 clients connect there", "give another port")


def _console_tls(settings: Settings) -> Iterator[Breach]:
    console = settings.console
    yield from both("console", console.cert, console.key)
    address = _address(console.listen)
    if address is None or address.is_loopback or console.cert or console.behind_proxy:
        return
    yield Breach(
        "console.listen",
        "passwords would go over the network without TLS",
        "give cert and key in [console], or listen on 127.0.0.1; behind a proxy with TLS set "
        "behind_proxy = true",
    )


def _console_files(settings: Settings) -> Iterator[Breach]:
    yield from pair_files("console", settings.console.cert, settings.console.key)


def _console_url(settings: Settings) -> Iterator[Breach]:
    url = settings.console.url
    if url and not _is_origin(url):
        yield Breach(
            "console.url",
            "is not the root of a web site",
            "write https://HOST or https://HOST:PORT, without anything behind it",
        )


def _url_behind_proxy(settings: Settings) -> Iterator[Breach]:
    """Without it cookies would not be for TLS alone, and links would lead to our own port."""
    console = settings.console
    if console.listen and console.behind_proxy and not console.url.startswith("https://"):
        yield Breach(
            "console.url",
            "must tell how browsers reach the proxy" if console.url else "is missing",
            "behind a proxy with TLS give its address: https://HOST or https://HOST:PORT",
        )


def _url_with_certificate(settings: Settings) -> Iterator[Breach]:
    console = settings.console
    if console.cert is not None and console.url.startswith("http:"):
        yield Breach(
            "console.url",
            "is without TLS, and so would be the console's cookies",
            "write https:// as browsers reach the console",
        )


def _is_origin(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = parts._replace(scheme="", netloc="").geturl() in {"", "/"}
    named = bool(parts.hostname) and "@" not in parts.netloc and port != 0
    return parts.scheme in {"https", "http"} and named and plain and url.isprintable()


def _console_directory(settings: Settings) -> Iterator[Breach]:
    if settings.console.listen and settings.store is None:
        yield Breach(
            "accounts.store",
            "is missing: the console keeps administrators, accounts and devices there",
            'set store = "embedded" in [accounts] (flag --accounts embedded); with unknown = '
            '"pass" there, names that have no account go to the upstream as before',
        )


_PAIR = ("console.cert", "console.key")
OFFICE_RULES = (
    Rule(_KEYS, _readable),
    Rule((*_KEYS, "listen.plain", "listen.tls", "listen.fenced"), _not_where_clients_connect),
    Rule(("console.listen", "console.behind_proxy", *_PAIR), _console_tls),
    Rule(_PAIR, _console_files),
    Rule(("console.url",), _console_url),
    Rule(("console.listen", "console.behind_proxy", "console.url"), _url_behind_proxy),
    Rule(("console.url", *_PAIR), _url_with_certificate),
    Rule(("console.listen", "accounts", "accounts.store"), _console_directory),
)
