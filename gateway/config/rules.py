"""What no single field can tell: settings that contradict each other, and files they name.

Each rule says which keys it reads, so that it is left out while one of them is known to
be wrong and a reader is not told the same thing twice.
"""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from gateway.backend.profile.rules import needs_service, proves_password
from gateway.config.listen_rules import LISTEN, LISTEN_RULES, addresses
from gateway.config.problems import BadValue, ConfigError, Problem
from gateway.config.profiles import load_profile
from gateway.config.rule import Breach, Rule, file
from gateway.config.tree import Settings
from gateway.config.upstream_url import UpstreamUrl


def _upstream_ca(settings: Settings) -> Iterator[Breach]:
    ca = settings.upstream.ca
    broken = list(file("upstream.ca", ca))
    yield from broken
    if ca and not broken:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
        except ssl.SSLError:
            yield Breach(
                "upstream.ca", "holds no certificate", "give the CA's certificate as PEM"
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
    yield from file("upstream.http.token_file", http.token_file)
    yield from file("upstream.http.client_password_file", http.client_password_file)


def _token_for_anybody(settings: Settings) -> Iterator[Breach]:
    """A token opens the mailbox whatever password a client gives."""
    http = settings.upstream.http
    token = http.token_file is not None or http.token_command is not None
    if not token or not settings.upstream.url.http or http.client_password_file is not None:
        return
    if settings.upstream.url.api == "profile":
        return  # the profile tells what the token is for
    if any(not address.is_loopback for _, address in addresses(settings)):
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
    if not checked and any(not address.is_loopback for _, address in addresses(settings)):
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
    """Microsoft Graph and Gmail know no passwords; accounts have tokens of their own."""
    upstream = settings.upstream
    if upstream.url.api not in {"graph", "gmail"} or settings.store:
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
    open_to_others = any(not address.is_loopback for _, address in addresses(settings))
    if maildir.password == default and open_to_others:
        yield Breach(
            "upstream.maildir.password",
            "the password that everybody knows is for loopback only",
            "set password_file in [upstream.maildir], or listen on 127.0.0.1",
        )


def _maildir_password_file(settings: Settings) -> Iterator[Breach]:
    if settings.upstream.url.kind == "maildir":
        yield from file(
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
_URL = "upstream.url"
RULES = (
    *LISTEN_RULES,
    Rule(("upstream.ca",), _upstream_ca),
    Rule((_URL, "upstream.allow_plaintext"), _plaintext_upstream),
    Rule(
        (f"{_HTTP}.token_file", f"{_HTTP}.token_command", f"{_HTTP}.client_password_file"),
        _token,
    ),
    Rule(
        (
            _URL,
            *LISTEN,
            f"{_HTTP}.token_file",
            f"{_HTTP}.token_command",
            f"{_HTTP}.client_password_file",
        ),
        _token_for_anybody,
    ),
    Rule(
        (
            _URL,
            *LISTEN,
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
            *LISTEN,
            "upstream.maildir",
            "upstream.maildir.password",
            "upstream.maildir.password_file",
        ),
        _maildir_password,
    ),
    Rule((_URL, "upstream.maildir.password_file"), _maildir_password_file),
    Rule(("state.dir",), _state_directory),
)
