"""The nouns of a session: the snapshot of a maildrop, its marks, and what UPDATE is to do."""

from gateway.maildrop.login import Login
from gateway.maildrop.snapshot import CommitPlan, Maildrop, Marks, Outcome, Ref

__all__ = ["CommitPlan", "Login", "Maildrop", "Marks", "Outcome", "Ref"]
