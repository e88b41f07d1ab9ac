"""The settings tree: the sections that the rooms declare, and those that are nobody's."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin

import platformdirs
from pydantic import Field, PlainSerializer, PlainValidator
from pydantic.fields import FieldInfo

from gateway.accounts.settings import AccountsSettings, RouteEntry
from gateway.admin.alarms.settings import AlarmSettings
from gateway.admin.settings import ConsoleSettings, MetricsSettings
from gateway.backend.embedded.settings import MaildirSettings
from gateway.backend.gmail.settings import GmailSettings
from gateway.backend.graph.settings import GraphSettings
from gateway.backend.http.settings import HttpSettings
from gateway.backend.imap.settings import ImapSettings
from gateway.backend.jmap.settings import JmapSettings
from gateway.backend.rest.settings import RestSettings
from gateway.backend.warm import WarmSettings
from gateway.config.problems import BadValue
from gateway.config.upstream_url import EXAMPLES, HTTP_EXAMPLES, NOWHERE, UpstreamUrl
from gateway.pop3.settings import Pop3Settings
from gateway.server.settings import LimitSettings, ListenSettings
from gateway.settings import Section

# The keys that have a flag of `serve`; a flag wins over the file.
FLAGS: Mapping[str, str] = MappingProxyType(
    {
        "upstream.url": "--upstream",
        "upstream.ca": "--upstream-ca",
        "upstream.allow_plaintext": "--allow-plaintext-upstream",
        "upstream.http.token_file": "--upstream-token-file",
        "upstream.http.token_command": "--upstream-token-command",
        "listen.plain": "--listen",
        "listen.tls": "--listen-tls",
        "listen.cert": "--cert",
        "listen.key": "--key",
        "console.listen": "--console",
        "metrics.listen": "--metrics",
        "listen.allow_plaintext_login": "--allow-plaintext-login",
        "accounts.store": "--accounts",
        "state.dir": "--state-dir",
        "log.level": "--log-level",
        "log.format": "--log-format",
    }
)


def _upstream(value: object) -> UpstreamUrl:
    if isinstance(value, UpstreamUrl):
        return value
    if isinstance(value, str):
        return UpstreamUrl.parse(value) if value else NOWHERE
    raise BadValue("it is not a string", f"write {EXAMPLES}")


def _state_directory() -> Path:
    # systemd gives a list separated by colons when a unit has several.
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or platformdirs.user_state_dir("pop3-gateway"))


class UpstreamSettings(Section):
    """Where the mail is."""

    url: Annotated[UpstreamUrl, PlainValidator(_upstream), PlainSerializer(str)] = Field(
        default=NOWHERE,
        json_schema_extra={
            "default_text": "none; it must be given unless accounts or routes have their own"
        },
        description=f"The upstream: {EXAMPLES}; by HTTP: {HTTP_EXAMPLES}. `imap://`, and "
        "`+http` instead of `+https`, have no TLS and are for loopback.",
    )
    ca: Path | None = Field(
        default=None,
        description="PEM file with the certificate of a private CA to trust for the upstream, "
        "instead of those of the system.",
    )
    allow_plaintext: bool = Field(
        default=False,
        description="Whether `imap://` and `+http://` may go to another machine, with "
        "passwords and mail readable on the way.",
    )
    warm: WarmSettings = Field(
        default_factory=WarmSettings, description="Upstream sessions kept after QUIT."
    )
    imap: ImapSettings = Field(
        default_factory=ImapSettings, description="How the IMAP upstream is used."
    )
    http: HttpSettings = Field(
        default_factory=HttpSettings, description="How HTTP upstreams are used."
    )
    jmap: JmapSettings = Field(
        default_factory=JmapSettings, description="How the JMAP upstream is used."
    )
    rest: RestSettings = Field(
        default_factory=RestSettings, description="How a mailbox of our REST contract is used."
    )
    graph: GraphSettings = Field(
        default_factory=GraphSettings, description="How Microsoft Graph is used."
    )
    gmail: GmailSettings = Field(
        default_factory=GmailSettings, description="How the Gmail API is used."
    )
    maildir: MaildirSettings = Field(
        default_factory=MaildirSettings, description="How the Maildir upstream is used."
    )


class StateSettings(Section):
    """What the gateway keeps."""

    dir: Path = Field(
        default_factory=_state_directory,
        description="Directory of everything that the gateway keeps; made if it is missing.",
        json_schema_extra={
            "default_text": "`$STATE_DIRECTORY` if systemd gives one, else "
            "`~/.local/state/pop3-gateway`"
        },
    )
    index: bool = Field(
        default=True,
        description="Whether to keep UIDs and sizes of messages, so that a login asks the "
        "upstream for changes alone.",
    )
    index_limit: int = Field(
        default=1 << 30,
        ge=1 << 20,
        description="Octets of the index; mailboxes not used for longest are forgotten first.",
    )


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least important events that are logged."
    )
    format: Literal["text", "json"] = Field(
        default="text", description="Lines for people, or one JSON object a line."
    )


class Settings(Section):
    """What belongs to no part."""

    workers: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Processes that serve; 0 is one for each processor that may be used.",
    )
    listen: ListenSettings = Field(
        default_factory=ListenSettings, description="Where clients connect."
    )
    limits: LimitSettings = Field(
        default_factory=LimitSettings, description="What clients may take."
    )
    pop3: Pop3Settings = Field(default_factory=Pop3Settings, description="Protocol rules.")
    accounts: AccountsSettings = Field(
        default_factory=AccountsSettings, description="Who is let in, and how."
    )
    routes: tuple[RouteEntry, ...] = Field(
        default=(), description="Where names lead to that have no upstream of their own."
    )
    upstream: UpstreamSettings = Field(
        default_factory=UpstreamSettings, description="Where the mail is."
    )
    state: StateSettings = Field(
        default_factory=StateSettings, description="What the gateway keeps."
    )
    log: LogSettings = Field(default_factory=LogSettings, description="The log.")
    console: ConsoleSettings = Field(
        default_factory=ConsoleSettings, description="The console, and sign-in pages."
    )
    metrics: MetricsSettings = Field(
        default_factory=MetricsSettings, description="Counters and health checks."
    )
    alarms: AlarmSettings = Field(
        default_factory=AlarmSettings, description="Who is told when mail will stop."
    )

    @property
    def store(self) -> Path | str | None:
        """Where the directory is: a file, or the URL of a database; None without one."""
        store = self.accounts.store
        return self.state.dir / "accounts.sqlite" if store == "embedded" else store or None

    @property
    def directory(self) -> bool:
        """Whether anybody's account is known."""
        return bool(self.store or self.accounts.account)


def sections(model: type[Section] = Settings, prefix: str = "") -> Mapping[str, type[Section]]:
    """Every table of the tree by its dotted name, in order, the root ("") first.

    What there may be several of, as a list of tables, is in it like the others.
    """
    found: dict[str, type[Section]] = {prefix: model}
    for name, field in model.model_fields.items():
        kind = section_of(field)
        if kind is not None:
            found |= sections(kind, f"{prefix}.{name}" if prefix else name)
    return found


def section_of(field: FieldInfo) -> type[Section] | None:
    """What tables a field is made of, one or a list; None if it is a plain value."""
    kind: Any = field.annotation
    if get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and issubclass(kind, Section) else None


def header(table: str) -> str:
    """How a table of this name begins in TOML: `[listen]`, `[[listen.fenced]]`."""
    above, _, name = table.rpartition(".")
    owner = sections().get(above)
    field = owner.model_fields.get(name) if owner is not None else None
    many = field is not None and get_origin(field.annotation) is tuple
    return f"[[{table}]]" if many else f"[{table}]"
