"""The nouns of a session: the snapshot of a maildrop, its marks, and what UPDATE is to do."""

from gateway.maildrop.login import (
    Attempt,
    BearerToken,
    Digest,
    Login,
    Proof,
    Scram,
    ScramVerifier,
    Tokens,
)
from gateway.maildrop.snapshot import CommitPlan, Maildrop, Marks, Outcome, Ref

__all__ = [
    "Attempt",
    "BearerToken",
    "CommitPlan",
    "Digest",
    "Login",
    "Maildrop",
    "Marks",
    "Outcome",
    "Proof",
    "Ref",
    "Scram",
    "ScramVerifier",
    "Tokens",
]
