"""OAuth2 towards the provider of the mailboxes (RFC 6749, 7636, 8628, 7662; OIDC Core).

`oauthlib` makes the requests and reads the answers, `fetch` carries them, `service` is how
an owner signs in, `tokens` gives the drivers what opens a mailbox, `watch` sees the end of
a consent coming.
"""

from gateway.accounts.oauth.causes import SignInRefused
from gateway.accounts.oauth.fetch import Answer, Fetch, Request
from gateway.accounts.oauth.introspection import Introspector
from gateway.accounts.oauth.provider import Providers
from gateway.accounts.oauth.service import DevicePending, Pending, SignIn, Waiting
from gateway.accounts.oauth.tokens import AccountTokens, Keeper
from gateway.accounts.oauth.watch import Foreboding, Watch

__all__ = [
    "AccountTokens",
    "Answer",
    "DevicePending",
    "Fetch",
    "Foreboding",
    "Introspector",
    "Keeper",
    "Pending",
    "Providers",
    "Request",
    "SignIn",
    "SignInRefused",
    "Waiting",
    "Watch",
]
