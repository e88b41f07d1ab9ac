"""The judgement of `probe` on CAPA (RFC 2449): what is announced, and in which form. Pure."""

import re
from collections.abc import Mapping, Sequence

from gateway.cli.probe_checks import Check, failed, passed, warned
from gateway.telemetry import printable

_TAG = re.compile(rb"[\x21-\x7e]+\Z")
# https://www.iana.org/assignments/pop3-extension-mechanism, and CAPA, which Dovecot announces
_KNOWN = frozenset(
    b"TOP USER SASL RESP-CODES LOGIN-DELAY PIPELINING EXPIRE UIDL IMPLEMENTATION STLS"
    b" AUTH-RESP-CODE UTF8 LANG CAPA".split()
)
# https://www.iana.org/assignments/sasl-mechanisms, and XOAUTH2, which is everywhere
_MECHANISMS = re.compile(
    rb"(PLAIN|LOGIN|ANONYMOUS|EXTERNAL|OTP|NTLM|GSSAPI|GSS-SPNEGO|KERBEROS_V[45]|SECURID"
    rb"|CRAM-MD5|DIGEST-MD5|SCRAM-SHA-(1|224|256|384|512|3-512)(-PLUS)?|OAUTHBEARER|XOAUTH2"
    rb"|OAUTH10A|OPENID20|SAML20|GS2-[A-Z0-9-]+|ECDH-X25519-CHALLENGE|ECDSA-NIST256P-CHALLENGE"
    rb"|X-[A-Z0-9-]+)\Z"
)
_ARGUMENTS: Mapping[bytes, re.Pattern[bytes]] = {
    b"LOGIN-DELAY": re.compile(rb"[0-9]+( USER)?\Z"),
    b"EXPIRE": re.compile(rb"([0-9]+|NEVER)( USER)?\Z"),
    b"SASL": re.compile(rb"[A-Z0-9_-]+( [A-Z0-9_-]+)*\Z"),
    b"TOP": re.compile(rb"\Z"),
    b"UIDL": re.compile(rb"\Z"),
    b"PIPELINING": re.compile(rb"\Z"),
    b"STLS": re.compile(rb"\Z"),
}

Announced = Mapping[bytes, bytes]


def parse(lines: Sequence[bytes]) -> dict[bytes, bytes]:
    """Capabilities by name in capitals, with the rest of their lines."""
    pairs = (line.partition(b" ") for line in lines)
    return {tag.upper(): rest for tag, _, rest in pairs}


def announced(lines: Sequence[bytes]) -> list[Check]:
    """The form of CAPA, and what is known of the names in it."""
    capabilities = parse(lines)
    bad = [line for line in lines if not _TAG.match(line.split(b" ")[0])]
    if bad:
        return [failed("CAPA", f"not a capability: {printable(bad[0])}")]
    names = printable(b" ".join(capabilities))
    checks = [passed("CAPA", f"the server announces {names}")]
    if len(capabilities) < len(lines):
        checks.append(warned("CAPA twice", "a capability is announced twice"))
    return [*checks, *_unknown(capabilities), *_arguments(capabilities), *_sasl(capabilities)]


def _unknown(capabilities: Announced) -> list[Check]:
    odd = [tag for tag in capabilities if tag not in _KNOWN and not tag.startswith(b"X")]
    return [
        warned(
            f"CAPA {printable(tag)}",
            "is not a registered capability"
            + (", PIPELINING is meant" if tag.startswith(b"PIPELIN") else ""),
        )
        for tag in odd
    ]


def _arguments(capabilities: Announced) -> list[Check]:
    return [
        failed(f"CAPA {tag.decode()}", f"its argument cannot be `{printable(rest)}`")
        for tag, rest in capabilities.items()
        if tag in _ARGUMENTS and not _ARGUMENTS[tag].match(rest.upper())
    ]


def _sasl(capabilities: Announced) -> list[Check]:
    if b"SASL" not in capabilities:
        return []
    mechanisms = capabilities[b"SASL"].upper().split()
    odd = [name for name in mechanisms if not _MECHANISMS.match(name)]
    if odd:
        return [warned("SASL", f"not a known mechanism: {printable(b' '.join(odd))}")]
    return [passed("SASL", f"known mechanisms: {printable(b' '.join(mechanisms))}")]


def optional_command(command: str, was_announced: bool, worked: bool) -> Check:
    """Whether TOP or UIDL is there, and CAPA says so."""
    if worked and was_announced:
        return passed(f"CAPA {command}", f"{command} is announced and works")
    if worked:
        return warned(f"CAPA {command}", f"{command} works but is not announced")
    if was_announced:
        return failed(f"CAPA {command}", f"{command} is announced but refused")
    return warned(f"CAPA {command}", f"no {command}: Outlook and many others need it")


def under_tls(capabilities: Announced) -> Check:
    """RFC 2595 §4: STLS is not announced once TLS is there."""
    if b"STLS" in capabilities:
        return warned("STLS", "still announced though TLS is there already")
    return passed("STLS", "not announced inside TLS, as it should be")
