"""What can be set about the protocol rules."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.settings import Section


class Pop3Settings(Section):
    """The rules a session follows."""

    max_line: int = Field(
        default=255,
        ge=255,
        description="Longest command line in octets, CRLF included. RFC 2449 §4 has 255.",
    )
    max_credentials_line: int = Field(
        default=16_384,
        ge=255,
        description="Longest line in octets of USER, PASS, AUTH and the continuation of "
        "AUTH: names and passwords, tokens above all, do not keep to 255.",
    )
    max_bad_commands: int = Field(
        default=20,
        ge=1,
        description="Bad commands after login until the connection is closed.",
    )
    max_bad_commands_before_login: int = Field(
        default=10,
        ge=1,
        description="The same before login.",
    )
    max_commands_before_login: int = Field(
        default=100,
        ge=4,
        description="Commands of any kind before login until the connection is closed.",
    )
    max_failed_logins: int = Field(
        default=3,
        ge=1,
        description="Refused logins on one connection until it is closed.",
    )
    failed_login_delay: float = Field(
        default=2.0,
        ge=0,
        le=30,
        description="Seconds to wait before a wrong name or password is answered.",
    )
    expire: Literal["NEVER"] | Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="What CAPA says about how long mail stays on the server (RFC 2449 "
        "§6.7): `NEVER` removed, a number of days, or nothing. The gateway itself "
        "removes no mail by age.",
    )
    login_delay: int = Field(
        default=0,
        ge=0,
        le=86_400,
        description="Seconds that must pass between two logins to one maildrop (RFC 2449 "
        "§6.5); announced by CAPA and enforced. 0 is none.",
    )
    show_version: bool = Field(
        default=False,
        description="Whether CAPA's IMPLEMENTATION line tells the version.",
    )
