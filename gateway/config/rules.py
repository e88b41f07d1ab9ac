"""What no single field can tell: settings that contradict each other, and files they name.

Each rule says which keys it reads, so that it is left out while one of them is known to
be wrong and a reader is not told the same thing twice.
"""

import os
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.backend.profile.rules import needs_service, proves_password
from gateway.config.addresses import ListenAddress, SystemdSocket, parse_listen
from gateway.config.problems import BadValue, ConfigError, Problem
from gateway.config.profiles import load_profile
from gateway.config.tree import Settings
from gateway.config.upstream_url import UpstreamUrl

_EXAMPLE = 'plain = ["127.0.0.1:1110"]'


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken rule: the key to look at, what is wrong and what would be right."""

    key: str
    wrong: str
    right: str

    @property
    def text(self) -> tuple[str, str]:
        """The two halves of the message."""
        return self.wrong, self.right


@dataclass(frozen=True, slots=True)
class Rule:
    """A check that reads these keys and nothing else."""

    reads: tuple[str, ...]
    check: Callable[[Settings], Iterator[Breach]]


def _addresses(settings: Settings) -> Iterator[tuple[str, ListenAddress | SystemdSocket]]:
    """Those that can be read, each with its key."""
    for key in ("plain", "tls"):
        for text in getattr(settings.listen, key):
            try:
                yield f"listen.{key}", parse_listen(text)
            except BadValue:
                continue


def _readable_addresses(settings: Settings) -> Iterator[Breach]:
    for key in ("plain", "tls"):
        for text in getattr(settings.listen, key):
            try:
                parse_listen(text)
            except BadValue as error:
                yield Breach(f"listen.{key}", error.wrong, error.right)


def _something_to_listen_on(settings: Settings) -> Iterator[Breach]:
    if not settings.listen.plain and not settings.listen.tls:
        yield Breach(
            "listen.plain", "there is nothing to listen on", f"give an address: {_EXAMPLE}"
        )


def _each_address_once(settings: Settings) -> Iterator[Breach]:
    seen: set[ListenAddress | SystemdSocket] = set()
    for key, address in _addresses(settings):
        if address in seen and getattr(address, "port", 1) != 0:
            yield Breach(key, f"{address} is given twice", "leave one of the two out")
        seen.add(address)


def _certificate(settings: Settings) -> Iterator[Breach]:
    cert, key = settings.listen.cert, settings.listen.key
    if cert and not key:
        yield Breach("listen.key", "is missing", "a certificate needs its private key")
    if key and not cert:
        yield Breach("listen.cert", "is missing", "a private key needs its certificate")
    if settings.listen.tls and not cert:
        yield Breach(
            "listen.tls",
            "TLS needs a certificate",
            "give cert and key (flags --cert and --key), or take the address out",
        )


def _certificate_files(settings: Settings) -> Iterator[Breach]:
    yield from broken_pair("listen", settings.listen.cert, settings.listen.key)


def broken_pair(table: str, cert: Path | None, key: Path | None) -> Iterator[Breach]:
    """What is wrong with the files `cert` and `key` of a table."""
    broken = [*_file(f"{table}.cert", cert), *_file(f"{table}.key", key)]
    yield from broken
    if cert and key and not broken:
        yield from _pair(table, cert, key)


def _pair(table: str, cert: Path, key: Path) -> Iterator[Breach]:
    def refuse() -> str:
        # Anything longer than OpenSSL's buffer; without this it asks on the terminal.
        raise BadValue("the key is encrypted", "take its passphrase off with openssl pkey")

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, refuse)
    except BadValue as error:
        yield Breach(f"{table}.key", error.wrong, error.right)
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        wrong = "the key is not that of the certificate" if mismatch else "one is not PEM"
        yield Breach(
            f"{table}.cert",
            f"cert and key do not work together: {wrong}",
            "give a PEM certificate (then its chain) and its own PEM key",
        )


def _upstream_ca(settings: Settings) -> Iterator[Breach]:
    ca = settings.upstream.ca
    broken = list(_file("upstream.ca", ca))
    yield from broken
    if ca and not broken:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
        except ssl.SSLError:
            yield Breach(
                "upstream.ca", "holds no certificate", "give the CA's certificate as PEM"
            )


def _file(key: str, path: Path | None) -> Iterator[Breach]:
    if path is None:
        return
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            yield Breach(key, "is a directory", "give the file itself")
        else:
            path.open("rb").close()
    except OSError as error:
        yield Breach(
            key,
            f"cannot be read: {error.strerror}",
            "name a file that exists and that this user may read",
        )


def _plaintext_upstream(settings: Settings) -> Iterator[Breach]:
    url = settings.upstream.url
    if not url.plaintext or url.is_loopback or settings.upstream.allow_plaintext:
        return
    safe = f"{url.kind}s://{url.netloc}"
    if url.kind == "imap":
        safe += f", or imap+starttls://{url.netloc}"
    yield Breach(
        "upstream.url",
        "passwords and mail would go to another machine without TLS",
        f"use {safe}, or allow it by allow_plaintext = true "
        "in [upstream] (flag --allow-plaintext-upstream)",
    )


def _token(settings: Settings) -> Iterator[Breach]:
    http = settings.upstream.http
    if http.token_file is not None and http.token_command is not None:
        yield Breach(
            "upstream.http.token_command",
            "there is a token_file too",
            "give one of the two; the token can be from one place only",
        )
    yield from _file("upstream.http.token_file", http.token_file)
    yield from _file("upstream.http.client_password_file", http.client_password_file)


def _token_for_anybody(settings: Settings) -> Iterator[Breach]:
    """A token opens the mailbox whatever password a client gives."""
    http = settings.upstream.http
    token = http.token_file is not None or http.token_command is not None
    if not token or not settings.upstream.url.http or http.client_password_file is not None:
        return
    if settings.upstream.url.api == "profile":
        return  # the profile tells what the token is for
    if any(not address.is_loopback for _, address in _addresses(settings)):
        yield Breach(
            "upstream.http.client_password_file",
            "is missing: with the token alone, everybody who connects would get the mail",
            "name a file with the password for clients, or listen on 127.0.0.1",
        )


def _profile(settings: Settings) -> Iterator[Breach]:
    url = settings.upstream.url
    if url.api != "profile":
        return
    try:
        profile = load_profile(url.profile)
    except ConfigError as error:
        for problem in error.problems:
            yield Breach("upstream.url", *_told(problem))
        return
    http = settings.upstream.http
    if needs_service(profile) and http.token_file is None and http.token_command is None:
        yield Breach(
            "upstream.http.token_file",
            f"is missing: the profile {profile.name} sends a token of the settings",
            "name a file with it (flag --upstream-token-file), or a token_command",
        )
    checked = proves_password(profile) or http.client_password_file
    if not checked and any(not address.is_loopback for _, address in _addresses(settings)):
        yield Breach(
            "upstream.http.client_password_file",
            f"is missing: {profile.name} sees no password, so everybody who connects would "
            "get the mail",
            "name a file with the password for clients, or listen on 127.0.0.1",
        )


def _told(problem: Problem) -> tuple[str, str]:
    """A mistake in a profile, in the two halves of one in the settings."""
    text = str(problem)
    wrong = text.removesuffix(f"; {problem.right}")
    return wrong, problem.right


def _cloud(settings: Settings) -> Iterator[Breach]:
    """Microsoft Graph and Gmail know no passwords."""
    upstream = settings.upstream
    if upstream.url.api not in {"graph", "gmail"}:
        return
    http = upstream.http
    if http.token_file is None and http.token_command is None:
        yield Breach(
            "upstream.http.token_file",
            f"is missing: {upstream.url.kind}:// takes a token and no passwords",
            "give token_file or token_command in [upstream.http] (flags --upstream-token-file "
            "and --upstream-token-command)",
        )
    by_name = upstream.url.api == "graph" and upstream.graph.mailbox == "name"
    if by_name and http.client_password_file is None:
        yield Breach(
            "upstream.http.client_password_file",
            "is missing: with the token alone, everybody on this machine would get the mail "
            "of everybody",
            'name a file with the password for clients, or set mailbox = "me" in '
            "[upstream.graph]",
        )


def _trusted_origins(settings: Settings) -> Iterator[Breach]:
    key = "upstream.http.trusted_origins"
    for text in settings.upstream.http.trusted_origins:
        scheme, _, place = text.partition("://")
        try:
            url = UpstreamUrl.parse(f"rest+{text}")
        except BadValue as error:
            yield Breach(
                key, f'"{text}": {error.wrong}', "write https://HOST or https://HOST:PORT"
            )
            continue
        if scheme not in {"https", "http"} or url.path or not place:
            yield Breach(
                key, f'"{text}" is no origin', "write https://HOST or https://HOST:PORT"
            )
        elif not (scheme == "https" or url.is_loopback or settings.upstream.allow_plaintext):
            yield Breach(key, f'"{text}" has no TLS', f"write https://{url.netloc}")


def _maildir(settings: Settings) -> Iterator[Breach]:
    url = settings.upstream.url
    if url.kind != "maildir":
        return
    path = Path(url.path)
    if not path.is_dir():
        wrong = "is not a directory" if path.exists() else "there is no such directory"
        yield Breach("upstream.url", wrong, "name a Maildir: a directory with new, cur and tmp")
    elif not os.access(path, os.R_OK | os.X_OK):
        yield Breach("upstream.url", "this user may not read it", "change its owner or mode")


def _maildir_password(settings: Settings) -> Iterator[Breach]:
    maildir = settings.upstream.maildir
    if settings.upstream.url.kind != "maildir" or maildir.password_file is not None:
        return
    if not maildir.password.get_secret_value():
        yield Breach(
            "upstream.maildir.password", "would let everybody in", "give a password_file"
        )
    default = type(maildir)().password
    open_to_others = any(not address.is_loopback for _, address in _addresses(settings))
    if maildir.password == default and open_to_others:
        yield Breach(
            "upstream.maildir.password",
            "the password that everybody knows is for loopback only",
            "set password_file in [upstream.maildir], or listen on 127.0.0.1",
        )


def _maildir_password_file(settings: Settings) -> Iterator[Breach]:
    if settings.upstream.url.kind == "maildir":
        yield from _file(
            "upstream.maildir.password_file", settings.upstream.maildir.password_file
        )


def _state_directory(settings: Settings) -> Iterator[Breach]:
    directory = settings.state.dir
    if directory.exists():
        if not directory.is_dir():
            yield Breach("state.dir", "is not a directory", "name a directory")
        elif not os.access(directory, os.W_OK | os.X_OK):
            yield Breach("state.dir", "this user may not write there", "change its owner")


_HTTP = "upstream.http"
_URL, _LISTEN = "upstream.url", ("listen.plain", "listen.tls")
_PAIR = ("listen.cert", "listen.key")
RULES = (
    Rule(_LISTEN, _readable_addresses),
    Rule(_LISTEN, _something_to_listen_on),
    Rule(_LISTEN, _each_address_once),
    Rule((*_PAIR, "listen.tls"), _certificate),
    Rule(_PAIR, _certificate_files),
    Rule(("upstream.ca",), _upstream_ca),
    Rule((_URL, "upstream.allow_plaintext"), _plaintext_upstream),
    Rule(
        (f"{_HTTP}.token_file", f"{_HTTP}.token_command", f"{_HTTP}.client_password_file"),
        _token,
    ),
    Rule(
        (
            _URL,
            *_LISTEN,
            f"{_HTTP}.token_file",
            f"{_HTTP}.token_command",
            f"{_HTTP}.client_password_file",
        ),
        _token_for_anybody,
    ),
    Rule(
        (
            _URL,
            *_LISTEN,
            f"{_HTTP}.token_file",
            f"{_HTTP}.token_command",
            f"{_HTTP}.client_password_file",
        ),
        _profile,
    ),
    Rule(
        (
            _URL,
            f"{_HTTP}.token_file",
            f"{_HTTP}.token_command",
            f"{_HTTP}.client_password_file",
            "upstream.graph",
            "upstream.graph.mailbox",
        ),
        _cloud,
    ),
    Rule((f"{_HTTP}.trusted_origins", "upstream.allow_plaintext"), _trusted_origins),
    Rule((_URL,), _maildir),
    Rule(
        (
            _URL,
            *_LISTEN,
            "upstream.maildir",
            "upstream.maildir.password",
            "upstream.maildir.password_file",
        ),
        _maildir_password,
    ),
    Rule((_URL, "upstream.maildir.password_file"), _maildir_password_file),
    Rule(("state.dir",), _state_directory),
)
