"""Every mechanism by its name, the strongest first."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gateway.accounts.sasl import Login, Mechanism, Plain
from gateway.accounts.sasl_bearer import OAuthBearer, XOAuth2
from gateway.accounts.sasl_digest import CramMd5
from gateway.accounts.sasl_scram import ScramSha256

Fresh = Callable[[], bytes]
"""Gives octets that nobody can foresee, of A-Z, a-z, 0-9, `-` and `_`."""

MECHANISMS: Mapping[bytes, Callable[[Fresh], Mechanism]] = MappingProxyType(
    {
        b"SCRAM-SHA-256": ScramSha256,
        b"CRAM-MD5": CramMd5,
        b"OAUTHBEARER": lambda _: OAuthBearer(),
        b"XOAUTH2": lambda _: XOAuth2(),
        b"PLAIN": lambda _: Plain(),
        b"LOGIN": lambda _: Login(),
    }
)
IN_CLEAR = frozenset({b"OAUTHBEARER", b"XOAUTH2", b"PLAIN", b"LOGIN"})
"""Those that show a secret which opens the mailbox to whoever reads it on the way."""
